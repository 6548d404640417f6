"""The runner of a recipe, which runs its stages, changes aliases and runs the nested recipe.

`Here` calls the stages in this process. `AsTasks` runs each stage as a Prefect task. `OnWorkers`
does the same, but trains on the workers of a deployment.
"""

from abc import ABC, abstractmethod
from typing import ParamSpec, TypeVar

from aeflow.artifacts import Artifact, FeatureSet, Model, Verdict
from aeflow.configs import PipelineConfig, RuntimeConfig
from aeflow.stages import Stage
from flows.recipes.outcome import Evaluated
from flows.recipes.stored import absolute

__all__ = ["Runner"]

P = ParamSpec("P")
A = TypeVar("A", bound=Artifact)


class Runner(ABC):
    """Runs stages on one store with one runtime config. Recipes use only this interface."""

    def __init__(self, store: str, runtime: RuntimeConfig):
        self.store = absolute(store)
        self.runtime = runtime

    @property
    def flow_run(self) -> str:
        """The id of the flow run, or "" without Prefect."""
        return ""

    @abstractmethod
    def run(self, stage: Stage[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Runs a stage with arguments and returns its answer."""

    @abstractmethod
    def promote(self, verdict: Verdict, *, model: Model) -> None:
        """Makes a model the champion of its dataset."""

    @abstractmethod
    def hold(self, verdict: Verdict) -> None:
        """Records that the model of a verdict waits for a person."""

    @abstractmethod
    def point_features(self, features: FeatureSet, *, dataset_name: str) -> None:
        """Makes the stable features address of a dataset point at a feature set."""

    @abstractmethod
    def train_autoencoder(self, config: PipelineConfig, dataset: str) -> Evaluated:
        """Carries out the recipe `train_autoencoder` on the stored dataset with this key."""
