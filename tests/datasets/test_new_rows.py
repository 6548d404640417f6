"""New rows of a dataset: those that an earlier dataset has not, found by id and values."""

import numpy as np
import pytest

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig
from aeflow.datasets.new_rows import count_new_rows, new_rows
from aeflow.datasets.shards import open_shard
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from tests.days import Days, write_day

ROWS = Days(1).day(0, 300)


@pytest.fixture
def ingested(store: Store, tmp_path):
    def made(*days: np.ndarray) -> Dataset:
        for number, rows in enumerate(days):
            write_day(tmp_path / "days", number, rows)
        return ingest(Context(store), IngestConfig(source=f"parquet:{tmp_path / 'days'}"))

    return made


def new_values(dataset: Dataset, earlier: Dataset, store: Store) -> np.ndarray:
    """Returns the rows that are new, in ascending order of their first column."""
    folder = store.locate(dataset)
    parts = [
        open_shard(folder / name, dataset.example_schema).features[mask]
        for name, mask in new_rows(dataset, earlier, store).items()
    ]
    rows = np.concatenate(parts)
    return rows[np.argsort(rows[:, 0])]


def ordered(rows: np.ndarray) -> np.ndarray:
    return rows[np.argsort(rows[:, 0])]


def test_rows_of_a_new_file_are_new_and_other_shards_are_not_read(ingested, store):
    earlier = ingested(ROWS[:100])
    dataset = ingested(ROWS[:100], ROWS[100:])
    assert np.array_equal(new_values(dataset, earlier, store), ordered(ROWS[100:]))
    assert len(new_rows(dataset, earlier, store)) == 3


def test_rows_at_the_end_of_a_file_that_grew_are_new(ingested, store):
    earlier, dataset = ingested(ROWS[:250]), ingested(ROWS)
    assert np.array_equal(new_values(dataset, earlier, store), ordered(ROWS[250:]))


def test_corrected_row_is_new(ingested, store):
    corrected = ROWS.copy()
    corrected[17, 3] += 0.001
    earlier, dataset = ingested(ROWS), ingested(corrected)
    assert np.array_equal(new_values(dataset, earlier, store), corrected[17:18])


def test_rows_that_went_away_are_not_new(ingested, store):
    earlier, dataset = ingested(ROWS), ingested(ROWS[:250])
    assert not any(mask.any() for mask in new_rows(dataset, earlier, store).values())


def test_same_dataset_has_no_new_rows(ingested, store):
    dataset = ingested(ROWS)
    assert new_rows(dataset, dataset, store) == {}


def dataset_of(store: Store, folder, **files: range) -> Dataset:
    """Ingests a folder with these files, whose rows have these ids."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, ids in files.items():
        rows = "".join(f"{each},{each % 7},{each % 5}\n" for each in ids)
        (folder / f"{name}.csv").write_text(f"id,x,y\n{rows}")
    return ingest(Context(store), IngestConfig(source=f"csv:{folder}", name="days"))


@pytest.mark.parametrize(
    ("now", "new"),
    [
        ({"a": range(100)}, 0),
        ({"a": range(100), "b": range(100, 150)}, 50),
        ({"a": range(120)}, 20),
        ({"a": range(60)}, 0),
        ({"b": range(100)}, 0),
        ({"b": range(900, 960)}, 60),
    ],
)
def test_new_rows_are_those_with_new_ids(store, tmp_path, now, new):
    before = dataset_of(store, tmp_path / "days", a=range(100))
    after = dataset_of(store, tmp_path / "days", **now)
    assert count_new_rows(after, before, store) == new
