"""The flows of one stage, for the commands that do one thing."""

from typing import Any

from prefect import flow

from aeflow.configs import PipelineConfig
from flows.recipes import pipeline as recipe
from flows.train_autoencoder import AsTasks

__all__ = ["evaluate_model", "ingest_dataset", "measure_drift", "publish_model"]


@flow(
    name="ingest-dataset",
    flow_run_name="ingest {config.ingest.source}",
    result_serializer="json",
)
def ingest_dataset(config: PipelineConfig, store: str) -> dict[str, Any]:
    """Ingests a source.

    Args:
        config: Where the data come from.
        store: Where artifacts are kept.
    """
    return recipe.ingest_dataset(config, AsTasks(store, config.runtime)).to_json()


@flow(name="evaluate-model", flow_run_name="evaluate {model}", result_serializer="json")
def evaluate_model(config: PipelineConfig, store: str, model: str) -> dict[str, Any]:
    """Evaluates a stored model on the dataset that it was trained on.

    Args:
        config: On what the model is judged.
        store: Where artifacts are kept.
        model: Key of the model.
    """
    return recipe.evaluate_model(config, AsTasks(store, config.runtime), model).to_json()


@flow(
    name="measure-drift",
    flow_run_name="drift of {config.ingest.source}",
    result_serializer="json",
)
def measure_drift(config: PipelineConfig, store: str, model: str | None = None) -> dict[str, Any]:
    """Ingests a source and measures whether its rows drifted; the server is told if they did.

    Args:
        config: Where the data come from, and what counts as drift.
        store: Where artifacts are kept.
        model: Key of the model whose training rows are compared, or champion:NAME; without one, the
            champion of the dataset.
    """
    return recipe.measure_drift(config, AsTasks(store, config.runtime), model).to_json()


@flow(name="publish-model", flow_run_name="publish {model}", result_serializer="json")
def publish_model(config: PipelineConfig, store: str, model: str) -> dict[str, Any]:
    """Evaluates a stored model, encodes its dataset and publishes both.

    Args:
        config: How much is published.
        store: Where artifacts are kept.
        model: Key of the model.
    """
    return recipe.publish_model(config, AsTasks(store, config.runtime), model).to_json()
