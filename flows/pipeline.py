"""The flow from a source to features and a report."""

from typing import Any

from prefect import flow

from aeflow.configs import PipelineConfig
from flows import recipes
from flows.train_autoencoder import STAGES

__all__ = ["pipeline"]


@flow(
    name="pipeline",
    flow_run_name="{config.ingest.source} {config.model.network.name}/{config.model.kind.name}",
    result_serializer="json",
)
def pipeline(config: PipelineConfig, store: str) -> dict[str, Any]:
    """Ingests, trains, evaluates, encodes and publishes.

    Args:
        config: A section for each stage; what is left out has its default.
        store: Where artifacts are kept.
    """
    return recipes.pipeline(config, store, stages=STAGES).to_json()
