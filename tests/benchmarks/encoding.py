"""A whole dataset into Parquet latents: our encoder beside `model.predict` and pandas."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig
from aeflow.datasets.shards import open_split
from aeflow.encoding import encode
from aeflow.models import load_model
from aeflow.storage import Store

__all__ = ["variants"]


def variants(
    model: Model, dataset: Dataset, store: Store, scratch: Path
) -> dict[str, Callable[[], str]]:
    """Returns the ways to encode all rows; each returns a sum of latents, to show they agree."""

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

    return {
        "aeflow, with errors and checks": lambda: ours(EncodeConfig()),
        "aeflow, latents alone": lambda: ours(EncodeConfig(reconstruction_error=False)),
        "model.predict and pandas": keras,
    }


def _predict(encoder, rows: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.Input(rows.shape[1:]), encoder])
    return model.predict(rows, batch_size=1024, verbose=0)


def _checksum(latents: pd.Series) -> str:
    return f"sum of |z| {np.abs(np.stack(latents.to_list())).sum(dtype=np.float64):.0f}"
