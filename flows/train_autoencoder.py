"""The flow that trains a model and evaluates it."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Flow, flow
from prefect.runtime import flow_run
from prefect.tasks import Task

from aeflow.artifacts import Artifact, FeatureSet, Model, Verdict
from aeflow.configs import PipelineConfig
from aeflow.registry import holding
from aeflow.stages import Stage
from aeflow.storage import Store
from flows import tasks
from flows.recipes import pipeline as recipe
from flows.recipes.outcome import Evaluated, Outcome
from flows.recipes.runner import Runner

__all__ = ["AsTasks", "flow_of", "train_autoencoder"]

P = ParamSpec("P")
A = TypeVar("A", bound=Artifact)


@flow(
    name="train-autoencoder",
    flow_run_name="train {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def train_autoencoder(
    config: PipelineConfig, store: str, dataset: str | None = None
) -> dict[str, Any]:
    """Trains and evaluates a model.

    Args:
        config: The source, the model and the options of training and evaluation.
        store: Folder or URL of the artifact store.
        dataset: Key of a stored dataset. If it is not set, the source in the config is ingested.
    """
    return recipe.train_autoencoder(config, AsTasks(store, config.runtime), dataset).to_json()


class AsTasks(Runner):
    """Runs each stage as a Prefect task, and a recipe within a recipe as a subflow."""

    @property
    def flow_run(self) -> str:
        """The id of the flow run."""
        return str(flow_run.id or "")

    def run(self, stage: Stage[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Runs the task of the stage in `flows.tasks` and returns its answer."""
        task: Task[..., A] = getattr(tasks, stage.name)
        return task(*args, store=self.store, runtime=self.runtime, **kwargs)

    def promote(self, verdict: Verdict, *, model: Model) -> None:
        """Makes a model the champion of its dataset."""
        tasks.promote(verdict, self.store, model=model)

    def hold(self, verdict: Verdict) -> None:
        """Records that the model of a verdict waits for a person, and names this flow run."""
        holding.hold(verdict, Store(self.store), run=str(flow_run.id))

    def point_features(self, features: FeatureSet, *, dataset_name: str) -> None:
        """Makes the stable features address of a dataset point at a feature set."""
        tasks.point_features(features, self.store, dataset_name=dataset_name)

    def train_autoencoder(self, config: PipelineConfig, dataset: str) -> Evaluated:
        """Trains and evaluates a model in a subflow, in this process."""
        return Evaluated.model_validate(train_autoencoder(config, self.store, dataset))


def flow_of(recipe: Callable[..., Outcome]) -> Flow[..., dict[str, Any]]:
    """Returns a flow that runs a recipe as tasks. The flow has the name of the recipe.

    Recipes with a deployment do not need this function: their flows are declared in modules.
    """

    def run(config: PipelineConfig, store: str, **keys: str | None) -> dict[str, Any]:
        return recipe(config, AsTasks(store, config.runtime), **keys).to_json()

    name = recipe.__name__.replace("_", "-")
    return flow(name=name, description=recipe.__doc__, result_serializer="json")(run)
