"""The flow that searches for better options, with one task per trial."""

from typing import Any

from prefect import flow, task

from aeflow.artifacts import Dataset
from aeflow.configs import PipelineConfig
from aeflow.tuning import Trial
from flows.recipes import tuning
from flows.server.live import live_stage
from flows.server.retrying import HOUR, RETRIED
from flows.train_autoencoder import AsTasks

__all__ = ["make_trial", "tune"]


@task(
    name="trial",
    task_run_name="trial {number} {dataset.name}",
    tags=["train", "accelerated"],
    timeout_seconds=48 * HOUR,
    **RETRIED,
)
def make_trial(
    dataset: Dataset, config: PipelineConfig, store: str, *, number: int, seconds: float | None
) -> Trial:
    """Runs one trial of a study, or returns the trial from the store if it has ended already."""
    with live_stage("trial"):
        return tuning.make_trial(dataset, config, store, number=number, seconds=seconds)


@flow(
    name="tune",
    flow_run_name="tune {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def tune(config: PipelineConfig, store: str) -> dict[str, Any]:
    """Searches for better options, and returns the best options as a config in TOML.

    Args:
        config: The options that the study starts from. The section tune limits the number of trials
            and the time of the study.
        store: Folder or URL of the store for artifacts and the trials of the study.
    """
    return tuning.tune(config, AsTasks(store, config.runtime), trial=make_trial).to_json()
