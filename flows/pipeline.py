"""The flow from a source to features and a report."""

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from aeflow.configs import PipelineConfig
from flows.placing import runner_on
from flows.recipes import pipeline as recipe

__all__ = ["TrainOn", "pipeline"]

TrainOn = Annotated[str | None, Field(pattern="^train-autoencoder/[^/]+$")]
"""A deployment of `train-autoencoder`; another flow would not answer the question."""


@flow(
    name="pipeline",
    flow_run_name="{config.ingest.source} {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def pipeline(config: PipelineConfig, store: str, train_on: TrainOn = None) -> dict[str, Any]:
    """Ingests, trains, evaluates, encodes and publishes.

    Args:
        config: A section for each stage; what is left out has its default.
        store: Where artifacts are kept.
        train_on: Deployment on whose workers the model is trained, such as train-autoencoder/gpu;
            without one it is trained here.
    """
    return recipe.pipeline(config, runner_on(train_on, store, config.runtime)).to_json()
