"""The flow that encodes data with a stored model."""

from typing import Any

from prefect import flow

from aeflow.configs import PipelineConfig
from flows.recipes import pipeline as recipe
from flows.train_autoencoder import AsTasks

__all__ = ["encode_dataset"]


@flow(name="encode-dataset", flow_run_name="encode with {model}", result_serializer="json")
def encode_dataset(
    config: PipelineConfig, store: str, *, model: str, dataset: str | None = None
) -> dict[str, Any]:
    """Encodes data with a stored model.

    Args:
        config: The source of the data, and the layout of the features.
        store: Folder or URL of the artifact store.
        model: Key of the model, or champion:NAME for the champion of the dataset NAME.
        dataset: Key of a stored dataset. If it is not set, every row of the source in the config
            is encoded.
    """
    return recipe.encode_dataset(
        config, AsTasks(store, config.runtime), model=model, dataset=dataset
    ).to_json()
