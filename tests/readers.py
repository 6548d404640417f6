"""Readers of a folder of features in Parquet; their rows have one form and can be compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig
from aeflow.datasets.shards import open_split
from aeflow.models import load_model
from aeflow.storage import Store

LAYOUTS = {
    "list": EncodeConfig(),
    "wide": EncodeConfig(layout="wide"),
    "list by label": EncodeConfig(partition_by_label=True),
    "wide by label": EncodeConfig(layout="wide", partition_by_label=True),
}
Reader = Callable[[Path], pd.DataFrame]


def with_pandas(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder)


def with_polars(folder: Path) -> pd.DataFrame:
    import polars as pl

    rows = pl.read_parquet(folder / "**/*.parquet", hive_partitioning=True)
    return pd.DataFrame({name: list(rows[name].to_numpy()) for name in rows.columns})


def with_duckdb(folder: Path) -> pd.DataFrame:
    import duckdb

    return duckdb.sql(f"FROM '{folder}/**/*.parquet'").df()


def with_pyarrow(folder: Path) -> pd.DataFrame:
    from pyarrow import dataset

    return dataset.dataset(folder, partitioning="hive").to_table().to_pandas()


READERS: dict[str, Reader] = {
    "pandas": with_pandas,
    "Polars": with_polars,
    "DuckDB": with_duckdb,
    "PyArrow": with_pyarrow,
}


def expected_rows(dataset: Dataset, model: Model, store: Store) -> pd.DataFrame:
    """Returns id, split, label and latent of each row, computed by the model and sorted by id."""
    network = load_model(model, store, cpu="any")
    frames = []
    for split in dataset.rows:
        for shard in open_split(dataset, split, store):
            columns = {"id": shard.ids.to_pylist(), "label": shard.labels.to_pylist()}
            latents = list(network.encode(shard.features).numpy())
            frames.append(pd.DataFrame({**columns, "latent": latents, "split": split}))
    return pd.concat(frames).sort_values("id", ignore_index=True)


def check_same(read: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Asserts that a reader returned every row once, with its label, split and latent."""
    rows = read.assign(id=read["id"].astype(str)).sort_values("id", ignore_index=True)
    assert rows["id"].tolist() == expected["id"].tolist()
    assert rows["split"].astype(str).tolist() == expected["split"].tolist()
    assert rows["label"].astype(int).tolist() == expected["label"].tolist()
    wide = rows.filter(regex=r"^z_\d{3}$")
    latents = wide.to_numpy() if len(wide.columns) else np.stack(rows["latent"].to_list())
    true = np.stack(expected["latent"].to_list())
    assert latents.dtype == np.float32 or read.attrs.get("float64")
    assert np.abs(latents - true).max() <= 1e-5 * np.abs(true).max()
