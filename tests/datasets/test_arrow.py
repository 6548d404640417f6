"""A prepared dataset as a source."""

import json
import shutil

import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError, SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store

from .reading import opened, rows_of


@pytest.fixture
def prepared(digits, tmp_path):
    store, dataset = digits
    return shutil.copytree(store.locate(dataset), tmp_path / "prepared")


def test_rows_come_as_they_were_prepared(digits, prepared):
    store, dataset = digits
    source = opened(f"arrow:{prepared}")
    rows = rows_of(source)
    assert len(rows.ids) == sum(dataset.rows.values()) == 1797
    assert source.name == "digits"
    train = open_split(dataset, "train", store)[0]
    place = rows.ids.index(train.ids[0].as_py())
    assert (rows.features[place] == train.features[0]).all()
    assert rows.labels is not None
    assert rows.labels[place] == train.labels[0].as_py()


def test_splits_and_schema_stay(digits, prepared, store):
    _, dataset = digits
    again = ingest(Context(store), IngestConfig(source=f"arrow:{prepared}"))
    assert again.rows == dataset.rows
    assert again.example_schema == dataset.example_schema
    assert again.label_names == dataset.label_names


def test_rows_without_a_split_are_assigned_to_some(prepared, tmp_path, store):
    everything = IngestConfig(source=f"arrow:{prepared}", splits="all")
    unsplit = ingest(Context(Store(tmp_path / "other")), everything)
    folder = Store(tmp_path / "other").locate(unsplit)
    assert set(ingest(Context(store), IngestConfig(source=f"arrow:{folder}")).rows) == {
        "train",
        "validation",
        "test",
    }


def test_damaged_shard_is_refused(prepared):
    shard = prepared / "train-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match="is not what was committed"):
        opened(f"arrow:{prepared}").pieces()


def test_folder_that_is_no_dataset_is_refused(stages, tmp_path):
    with pytest.raises(SourceError, match=r"There is no prepared dataset in the folder"):
        opened(f"arrow:{tmp_path}")
    with pytest.raises(SourceError, match=r"is not a dataset but belongs to models/"):
        opened(f"arrow:{stages.store.locate(stages.model)}")


def test_shard_outside_its_folder_is_refused(prepared):
    path = prepared / "_manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"].append({"name": "../x-00000.arrow", "size": 1, "sha256": "0"})
    path.write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="leads out of its folder"):
        opened(f"arrow:{prepared}").pieces()
