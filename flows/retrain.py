"""The flow that keeps a dataset's champion and its features fresh."""

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
    """Trains when it is due, promotes what passes the gate, encodes and publishes.

    Its run ends as Completed (a better model was promoted), Unchanged (none was due), Refused (by
    the gate; the champion stays) or Failed.

    Args:
        config: A section for each stage; what is left out has its default.
        store: Where artifacts are kept.
        train_on: Deployment on whose workers the model is trained, such as train-autoencoder/gpu;
            without one it is trained here.
    """
    outcome = retraining.retrain(config, runner_on(train_on, store, config.runtime))
    if outcome.dataset:
        pages.show_trend(outcome.dataset.name, store)
    return Completed(name=outcome.ending, message=outcome.reason, data=outcome.to_json())
