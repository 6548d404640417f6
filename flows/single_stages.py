"""The flows of the commands that do one step of the pipeline."""

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
    """Ingests a source into a dataset.

    Args:
        config: The source of the data.
        store: Folder or URL of the artifact store.
    """
    return recipe.ingest_dataset(config, AsTasks(store, config.runtime)).to_json()


@flow(name="evaluate-model", flow_run_name="evaluate {model}", result_serializer="json")
def evaluate_model(config: PipelineConfig, store: str, model: str) -> dict[str, Any]:
    """Evaluates a stored model on the dataset that it was trained on.

    Args:
        config: The options of the evaluation.
        store: Folder or URL of the artifact store.
        model: Key of the model, or champion:NAME for the champion of the dataset NAME.
    """
    return recipe.evaluate_model(config, AsTasks(store, config.runtime), model).to_json()


@flow(
    name="measure-drift",
    flow_run_name="drift of {config.ingest.source}",
    result_serializer="json",
)
def measure_drift(config: PipelineConfig, store: str, model: str | None = None) -> dict[str, Any]:
    """Ingests a source and measures its drift. If there is drift, the server receives an event.

    Args:
        config: The source of the data, and the options that define drift.
        store: Folder or URL of the artifact store.
        model: Key of a model, or champion:NAME for the champion of the dataset NAME. The rows of
            the source are compared with the training rows of this model. If it is not set, the
            champion of the ingested dataset is used.
    """
    return recipe.measure_drift(config, AsTasks(store, config.runtime), model).to_json()


@flow(name="publish-model", flow_run_name="publish {model}", result_serializer="json")
def publish_model(config: PipelineConfig, store: str, model: str) -> dict[str, Any]:
    """Evaluates a stored model, encodes its dataset, and publishes a report.

    Args:
        config: The options of evaluation, encoding and publishing.
        store: Folder or URL of the artifact store.
        model: Key of the model, or champion:NAME for the champion of the dataset NAME.
    """
    return recipe.publish_model(config, AsTasks(store, config.runtime), model).to_json()
