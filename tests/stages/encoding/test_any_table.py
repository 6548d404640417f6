"""Ingest and encode return every row of any table exactly once and in order."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.features.contract import read_features
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store

PROFILE = settings(max_examples=25, derandomize=True, deadline=None, database=None)
FEW = settings(PROFILE, max_examples=8)
NUM_COLUMNS = 8
COLUMNS = [f"c{number}" for number in range(NUM_COLUMNS)]
SHARD_BYTES = st.sampled_from([1024, 1500, 4096, 2**20])
ODD = ["NA", "null", "nan", "007", "1e3", " x ", '","', "\0"]
BREAKS = "\n\r"


@dataclass(frozen=True)
class Written:
    """A table of a user: the source that names it, and the ids in the order of its rows."""

    source: str
    ids: list[str]
    values: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """The properties of a table that hypothesis draws."""

    ids: list[str]
    num_files: int
    seed: int


def values_of(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, NUM_COLUMNS)).astype(np.float32)


def write_files(folder: Path, drawn: Drawn, ending: str, write: Callable) -> Written:
    """Writes the rows as one to three files, read in the order of their names."""
    values, ids = values_of(len(drawn.ids), drawn.seed), drawn.ids
    (folder / "table").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(ids)), drawn.num_files)):
        columns = dict(zip(COLUMNS, values[rows].T, strict=True))
        table = pa.table({"id": [ids[row] for row in rows], **columns})
        write(table, folder / "table" / f"{number}.{ending}")
    return Written(f"{ending}:{folder / 'table'}", ids, values)


def write_csv(folder: Path, drawn: Drawn) -> Written:
    return write_files(folder, drawn, "csv", lambda table, path: csv.write_csv(table, str(path)))


def write_parquet(folder: Path, drawn: Drawn) -> Written:
    return write_files(folder, drawn, "parquet", pq.write_table)


def write_npz(folder: Path, drawn: Drawn) -> Written:
    """Writes an array; its rows have derived ids."""
    values = values_of(len(drawn.ids), drawn.seed)
    np.savez(folder / "table.npz", x_train=values)
    ids = [f"train/{row}" for row in range(len(values))]
    return Written(f"npz:{folder / 'table.npz'}", ids, values)


WRITERS = {"csv": write_csv, "parquet": write_parquet, "npz": write_npz}


@st.composite
def tables(draw, kind: str) -> Drawn:
    """Draws 1 to 200 ids, some of them odd; our CSV reader takes no line breaks in them."""
    breaks = BREAKS if kind == "csv" else ""
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=breaks), min_size=1)
    odd = draw(st.lists(text | st.sampled_from(ODD), min_size=1, max_size=12, unique=True))
    more = [f"{odd[row % len(odd)]}~{row}" for row in range(draw(st.integers(0, 188)))]
    ids = list(dict.fromkeys([*more, *odd]))
    return Drawn(ids, draw(st.integers(1, min(3, len(ids)))), draw(st.integers(0, 9)))


@pytest.fixture
def trained(tmp_path) -> Callable[[str], tuple[Store, Model]]:
    """Trains a model on a table of a given kind, because arrays have no column names."""

    def train_on(kind: str) -> tuple[Store, Model]:
        store = Store(tmp_path / "store")
        drawn = Drawn([f"row {row}" for row in range(200)], 1, 0)
        dataset = ingest(Context(store), IngestConfig(source=WRITERS[kind](tmp_path, drawn).source))
        config, model_config = TrainConfig(epochs=1), ModelConfig(latent_dim=2)
        return store, train(Context(store), dataset, config, model_config=model_config)

    return train_on


def ingested(drawn: Drawn, kind: str, shard_bytes: int, store: Store) -> tuple[Written, Dataset]:
    with tempfile.TemporaryDirectory() as folder:
        written = WRITERS[kind](Path(folder), drawn)
        config = IngestConfig(source=written.source, splits="all", shard_bytes=shard_bytes)
        return written, ingest(Context(store), config)


@pytest.mark.parametrize("kind", WRITERS)
def test_any_table_is_ingested_as_it_is(kind, store):
    @PROFILE
    @given(tables(kind), SHARD_BYTES)
    def check(drawn, shard_bytes):
        written, dataset = ingested(drawn, kind, shard_bytes, store)
        shards = open_split(dataset, "all", store)
        assert dataset.rows == {"all": len(written.ids)}
        assert [name for shard in shards for name in shard.ids.to_pylist()] == written.ids
        assert np.array_equal(np.concatenate([shard.features for shard in shards]), written.values)

    check()


@pytest.mark.parametrize("kind", ["parquet", "npz"])
def test_any_table_is_encoded_row_by_row(kind, trained):
    store, model = trained(kind)

    @FEW
    @given(tables(kind), SHARD_BYTES)
    def check(drawn, shard_bytes):
        written, dataset = ingested(drawn, kind, shard_bytes, store)
        features = encode(Context(store), model, EncodeConfig(), dataset=dataset)
        assert read_features(store.locate(features))["id"].to_pylist() == written.ids
        assert features.rows == dataset.rows
        assert store.verify(features.key) == []

    check()
