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
        config: Where the data come from, and what stands in the features.
        store: Where artifacts are kept.
        model: Key of the model.
        dataset: Key of a stored dataset; without one, every row of the config's source.
    """
    return recipe.encode_dataset(
        config, AsTasks(store, config.runtime), model=model, dataset=dataset
    ).to_json()
