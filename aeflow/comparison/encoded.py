"""Rows of a split as one model sees them: latents and errors, in memory."""

from collections.abc import Callable

import numpy as np

from aeflow.artifacts import Dataset, Model
from aeflow.configs import RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.models import Inference, load_model
from aeflow.models.inference import Encoded
from aeflow.storage import Store

__all__ = ["encode_rows"]


def encode_rows(
    model: Model,
    dataset: Dataset,
    store: Store,
    *,
    split: str,
    num_rows: int,
    runtime: RuntimeConfig,
    cpu: str,
    on_rows: Callable[[int], None],
) -> Encoded:
    """Encodes the first rows of a split; `on_rows` hears of each batch."""
    network = load_model(model, store, cpu=cpu)
    inference = Inference(network, dataset.example_schema, runtime.encode_batch_size)
    parts: list[Encoded] = []
    left = num_rows
    for shard in open_split(dataset, split, store):
        if left:
            parts.append(inference.encode(shard.features[:left], on_rows))
            left -= len(parts[-1].errors)
    latents = np.concatenate([part.latents for part in parts])
    return Encoded(latents, np.concatenate([part.errors for part in parts]))
