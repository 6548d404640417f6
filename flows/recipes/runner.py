"""What a recipe calls: stages, changes of an alias, and the recipe within a recipe.

There are two runners: `Here` calls the stages in this process, `AsTasks` makes each a Prefect task.
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
    """Runs stages on one store with one runtime; recipes know no more of it."""

    def __init__(self, store: str, runtime: RuntimeConfig):
        self.store = absolute(store)
        self.runtime = runtime

    @abstractmethod
    def run(self, stage: Stage[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Returns the stage's answer to these arguments."""

    @abstractmethod
    def promote(self, verdict: Verdict, *, model: Model) -> None:
        """Makes a model the champion of its dataset."""

    @abstractmethod
    def point_features(self, features: FeatureSet, *, dataset_name: str) -> None:
        """Points a dataset's stable address of features at a feature set."""

    @abstractmethod
    def train_autoencoder(self, config: PipelineConfig, dataset: str) -> Evaluated:
        """Carries out the recipe of that name, on the stored dataset with that key."""
