"""The input of every contender that encodes: prepared rows in Arrow files, the encoder's weights.

It is read from the command line, so that contenders import only this file of aeflow's.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["BATCH", "Arguments", "list_column", "write_latents"]

BATCH = 1024


class Arguments:
    """Holds the paths of the rows, the path for the latents, and the weights of two layers.

    The encoder is relu(x / 255 @ w1 + b1) @ w2 + b2 for rows x of 784 pixels.
    """

    def __init__(self):
        values = json.loads(sys.argv[1])
        self.options: dict = values["options"]
        self.folder = Path(values["folder"])
        self.shards = [Path(path) for path in values["shards"]]
        self.out = Path(values["out"])
        self.rows: int = values["rows"]
        with np.load(values["weights"]) as weights:
            self.weights = dict(weights)

    def tables(self) -> Iterator[tuple[pa.Array, np.ndarray]]:
        """Yields ids and pixels uint8 [N, 784] of each file, through a memory map."""
        for path in self.shards:
            with pa.memory_map(str(path)) as source:
                batch = pa.ipc.open_file(source).get_batch(0)
            features = batch.column("features")
            yield batch.column("id"), features.flatten().to_numpy().reshape(len(features), -1)


def write_latents(arguments: Arguments, encode: Callable[[np.ndarray], np.ndarray]) -> None:
    """Encodes batch by batch, and writes one Parquet file with a row group per file of rows."""
    with pq.ParquetWriter(arguments.out, _schema(arguments), compression="zstd") as writer:
        for ids, pixels in arguments.tables():
            batches = (pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH))
            latents = np.concatenate([encode(batch) for batch in batches])
            writer.write_table(pa.table({"id": ids, "latent": list_column(latents)}))


def list_column(latents: np.ndarray) -> pa.Array:
    """Returns rows [N, D], latents or pixels, as an Arrow column of fixed-size lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(latents.ravel()), latents.shape[1])


def _schema(arguments: Arguments) -> pa.Schema:
    latent = pa.list_(pa.float32(), len(arguments.weights["b2"]))
    return pa.schema({"id": pa.string(), "latent": latent})
