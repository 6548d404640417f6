"""The flow of the one-class protocol, which trains one model per label."""

from typing import TYPE_CHECKING, Any

from prefect import flow, task

from aeflow.artifacts import Dataset, Model
from aeflow.configs import PipelineConfig
from flows.recipes import one_class as recipe
from flows.server.live import live_stage
from flows.server.retrying import HOUR, RETRIED
from flows.train_autoencoder import AsTasks

if TYPE_CHECKING:
    from aeflow.stages.evaluation.one_class import ClassScores

__all__ = ["one_class", "score_class"]


@task(
    name="score-class",
    task_run_name="score {dataset.name} label {label}",
    tags=["evaluate", "accelerated"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def score_class(
    model: Model, config: PipelineConfig, store: str, *, dataset: Dataset, label: int
) -> "ClassScores":
    """Scores the test rows of all labels with a model that was trained on one label."""
    with live_stage("score-class"):
        return recipe.score_class(model, config, store, dataset=dataset, label=label)


@flow(
    name="one-class",
    flow_run_name="one class of {config.ingest.source}",
    result_serializer="json",
)
def one_class(config: PipelineConfig, store: str) -> dict[str, Any]:
    """Trains a model on the rows of each label and measures how well the model detects other rows.

    The rows of all other labels count as out-of-distribution (OOD).

    Args:
        config: The source, the model and the options of training.
        store: Folder or URL of the artifact store.
    """
    return recipe.one_class(config, AsTasks(store, config.runtime), score=score_class).to_json()
