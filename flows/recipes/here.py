"""A runner that calls stages in this process, without Prefect."""

from typing import ParamSpec, TypeVar

from aeflow.artifacts import Artifact, FeatureSet, Model, Verdict
from aeflow.configs import PipelineConfig
from aeflow.registry import champions, features_address, holding
from aeflow.stages import Stage
from aeflow.storage import Store
from flows.recipes import pipeline as recipe
from flows.recipes.outcome import Evaluated
from flows.recipes.runner import Runner
from flows.server.listening import stage_context

__all__ = ["Here"]

P = ParamSpec("P")
A = TypeVar("A", bound=Artifact)


class Here(Runner):
    """Calls each stage as a plain function."""

    def run(self, stage: Stage[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Runs a stage and returns its answer. At a Ctrl-C or SIGTERM, the stage saves its work."""
        with stage_context(self.store, self.runtime) as context:
            return stage(context, *args, **kwargs)

    def promote(self, verdict: Verdict, *, model: Model) -> None:
        """Makes a model the champion of its dataset."""
        champions.promote(verdict, Store(self.store), model=model)

    def hold(self, verdict: Verdict) -> None:
        """Records that the model of a verdict waits for a person."""
        holding.hold(verdict, Store(self.store))

    def point_features(self, features: FeatureSet, *, dataset_name: str) -> None:
        """Makes the stable features address of a dataset point at a feature set."""
        features_address.point_features(features, Store(self.store), dataset_name=dataset_name)

    def train_autoencoder(self, config: PipelineConfig, dataset: str) -> Evaluated:
        """Trains and evaluates a model in this process."""
        return recipe.train_autoencoder(config, self, dataset)
