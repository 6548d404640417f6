"""Latents and errors that one model computes for the rows of a split, in memory."""

from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Model
from aeflow.datasets.shards import open_split
from aeflow.models import Inference, load_model
from aeflow.models.inference import Encoded
from aeflow.stages import Work
from aeflow.storage import Store

__all__ = ["encode_rows", "read_reference"]

REFERENCE = "reference.parquet"


def encode_rows(
    model: Model,
    dataset: Dataset,
    work: Work,
    *,
    split: str,
    num_rows: int,
    on_rows: Callable[[int], None],
) -> Encoded:
    """Encodes the first `num_rows` rows of a split; `on_rows` gets the size of each batch."""
    network = load_model(model, work.store, cpu=work.machine.cpu)
    inference = Inference(network, dataset.example_schema, work.runtime.encode_batch_size)
    parts: list[Encoded] = []
    remaining = num_rows
    for shard in open_split(dataset, split, work.store):
        if remaining:
            parts.append(inference.encode(shard.features[:remaining], on_rows))
            remaining -= len(parts[-1].errors)
    latents = np.concatenate([part.latents for part in parts])
    return Encoded(latents, np.concatenate([part.errors for part in parts]))


def read_reference(model: Model, store: Store) -> Encoded:
    """Returns the latents and errors of the rows that were held out when a model was trained."""
    table = pq.read_table(store.reading(model, [REFERENCE]) / REFERENCE)
    latents = table["latent"].combine_chunks().flatten().to_numpy()
    return Encoded(latents.reshape(len(table), -1), table["reconstruction_error"].to_numpy())
