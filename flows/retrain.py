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
from flows.server.naming import run_name, show_outcome

__all__ = ["retrain"]


@flow(
    name="retrain",
    flow_run_name=run_name,
    result_serializer="json",
)
def retrain(config: PipelineConfig, store: str, train_on: TrainOn = None) -> State[dict[str, Any]]:
    """Trains a model if one is due, promotes it if it passes the gate, encodes and publishes.

    A run that ends as Completed has one of three outcomes: promoted (a better model is champion),
    unchanged (no model was due, or training returned the champion again) or refused (the gate
    refused the model, and the champion stays). The run's name, its message and its tags say which.

    Args:
        config: A section for each stage. Fields that are left out have their defaults.
        store: Folder or URL of the artifact store.
        train_on: Deployment that trains the model on its workers, such as train-autoencoder/gpu.
            If it is not set, this run trains the model itself.
    """
    outcome = retraining.retrain(config, runner_on(train_on, store, config.runtime))
    if outcome.dataset:
        pages.show_trend(outcome.dataset.name, store)
    show_outcome(outcome, config)
    return Completed(message=outcome.message(), data=outcome.to_json())
