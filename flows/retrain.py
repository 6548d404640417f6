"""The flow that keeps the champion of a dataset and its features up to date."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from aeflow.configs import PipelineConfig
from flows import pages
from flows.pipeline import TrainOn
from flows.placing import runner_on
from flows.recipes import retraining

__all__ = ["retrain"]


@flow(
    name="retrain",
    flow_run_name="{config.ingest.source} {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def retrain(config: PipelineConfig, store: str, train_on: TrainOn = None) -> State[dict[str, Any]]:
    """Trains a model if one is due, promotes it if it passes the gate, encodes and publishes.

    The run ends as Completed (a better model was promoted), Unchanged (no model was due, or
    training returned the champion again), Refused (the gate refused the model, and the champion
    stays) or Failed.

    Args:
        config: A section for each stage. Fields that are left out have their defaults.
        store: Folder or URL of the artifact store.
        train_on: Deployment that trains the model on its workers, such as train-autoencoder/gpu.
            If it is not set, this run trains the model itself.
    """
    outcome = retraining.retrain(config, runner_on(train_on, store, config.runtime))
    if outcome.dataset:
        pages.show_trend(outcome.dataset.name, store)
    return Completed(name=outcome.ending, message=outcome.reason, data=outcome.to_json())
