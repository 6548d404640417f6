"""The rows that a dataset has and an earlier one did not have."""

import pytest

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig
from aeflow.datasets.shards import count_new_rows
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store


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
