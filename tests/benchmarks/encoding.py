"""A whole dataset into Parquet latents: our encoder beside `model.predict` and pandas."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig
from aeflow.datasets.shards import open_split
from aeflow.encoding import encode
from aeflow.models import load_model
from aeflow.storage import Store
from tests.benchmarks.harness import Round, Timings, in_turn, table, timed

__all__ = ["measure"]

ROUNDS = 5


def measure(model: Model, dataset: Dataset, store: Store, scratch: Path) -> list[Timings]:
    """Encodes all rows in each way, prints the table; all must come to the same latents."""
    reached: dict[str, str] = {}
    rows = sum(dataset.rows.values())

    def ours(config: EncodeConfig) -> str:
        shutil.rmtree(store.root / "features", ignore_errors=True)
        features = encode(model, config, store, dataset=dataset)
        return _checksum(pd.read_parquet(store.locate(features))["latent"])

    def keras() -> str:
        network = load_model(model, store, cpu="any")
        shards = [s for split in dataset.rows for s in open_split(dataset, split, store)]
        rows = np.concatenate([shard.features for shard in shards]).astype(np.float32) / 255.0
        frame = pd.DataFrame({"id": np.concatenate([shard.ids for shard in shards])})
        latents = _predict(network.encoder, rows)
        frame["latent"] = list(latents)
        frame.to_parquet(scratch / "keras.parquet")
        return _checksum(pd.read_parquet(scratch / "keras.parquet")["latent"])

    ways = {
        "aeflow, with errors and checks": lambda: ours(EncodeConfig()),
        "aeflow, latents alone": lambda: ours(EncodeConfig(reconstruction_error=False)),
        "model.predict and pandas": keras,
    }

    def noted(name: str) -> Round:
        return timed(lambda: reached.update({name: ways[name]()}), rows=rows)

    timings = in_turn({name: noted(name) for name in ways}, rounds=ROUNDS)
    for timing in timings:
        timing.reached = reached[timing.name]
    print(table(f"Encoding: {rows:,} rows into Parquet, dense 784-128-32", timings))
    return timings


def _predict(encoder, rows: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.Input(rows.shape[1:]), encoder])
    return model.predict(rows, batch_size=1024, verbose=0)


def _checksum(latents: pd.Series) -> str:
    return f"sum of |z| {np.abs(np.stack(latents.to_list())).sum(dtype=np.float64):.0f}"
