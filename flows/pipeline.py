"""The flow from a source to features and a report."""

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from aeflow.configs import PipelineConfig
from flows.placing import runner_on
from flows.recipes import pipeline as recipe

__all__ = ["TrainOn", "pipeline"]

TrainOn = Annotated[str | None, Field(pattern="^train-autoencoder/[^/]+$")]
"""The name of a deployment of `train-autoencoder`. A run of another flow would store no model."""


@flow(
    name="pipeline",
    flow_run_name="{config.ingest.source} {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def pipeline(config: PipelineConfig, store: str, train_on: TrainOn = None) -> dict[str, Any]:
    """Ingests a source, trains and evaluates a model, encodes the data and publishes a report.

    Args:
        config: A section for each stage. Fields that are left out have their defaults.
        store: Folder or URL of the artifact store.
        train_on: Deployment that trains the model on its workers, such as train-autoencoder/gpu.
            If it is not set, this run trains the model itself.
    """
    return recipe.pipeline(config, runner_on(train_on, store, config.runtime)).to_json()
