"""The tables stored with a model: the training history, and errors and latents of held-out rows."""

import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import open_split
from aeflow.features.contract import latent_array
from aeflow.models import Autoencoder, Inference
from aeflow.stages import Work
from aeflow.stages.training.checkpoints import TrainingState
from aeflow.storage import Draft

__all__ = ["write_history", "write_reference"]


def write_history(draft: Draft, state: TrainingState) -> None:
    """Writes the training history as a table, with the loss terms of one epoch in each row."""
    types = {"epoch": pa.int32(), "step": pa.int64()}
    columns = {
        name: pa.array([row[name] for row in state.history], types.get(name, pa.float32()))
        for name in state.history[0]
    }
    with draft.writing("history.parquet") as path:
        pq.write_table(pa.table(columns), path)


def write_reference(model: Autoencoder, dataset: Dataset, work: Work) -> None:
    """Writes the errors and latents of the validation rows.

    They show which errors and latents are usual for the model.
    """
    inference = Inference(model, dataset.example_schema, work.runtime.encode_batch_size)
    with work.draft.writing("reference.parquet") as path:
        shards = open_split(dataset, "validation", work.store)
        encoded = list(inference.encode_each(shard.features for shard in shards))
        pq.write_table(
            pa.table(
                {
                    "id": pa.chunked_array([shard.ids for shard in shards], pa.string()),
                    "reconstruction_error": pa.chunked_array([e.errors for e in encoded]),
                    "latent": pa.chunked_array([latent_array(e.latents) for e in encoded]),
                }
            ),
            path,
        )
