"""TFDS datasets that need no download: what is refused, and odd images made by the tests."""

import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
from aeflow.errors import ConfigError, SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from tests.datasets.odd_images import OddImages

READ_AND_SET_UP = """
import sys
from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
source = open_source(IngestConfig(source="tfds:odd_images", data_dir=sys.argv[1]))
assert sum(len(rows.ids) for rows in source.read(source.pieces()[0])) == 100
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(3)  # raises if TensorFlow has started
"""


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    OddImages(data_dir=folder).download_and_prepare()
    return IngestConfig(source="tfds:odd_images", data_dir=str(folder))


@pytest.mark.parametrize("source", ["mnist", "tfds:mnist:3.0.1"])
def test_offline_it_fails_within_10_s_and_names_three_ways_out(source, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies of its first use
    start = time.monotonic()
    with pytest.raises(SourceError) as caught:
        ingest(
            Context(Store(tmp_path / "store")),
            IngestConfig(source=source, data_dir=str(tmp_path / "data")),
        )
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert "storage.googleapis.com cannot be reached" in message
    assert "connect to the network" in message
    assert "t10k-images-idx3-ubyte.gz" in message
    assert "manual_dir" in message
    assert "data_dir" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mnits", "TFDS has no dataset 'mnits'. Did you mean .*mnist"),
        ("mnist:9.9.9", "cannot be loaded at version 9.9.9, only: 3.0.1"),
        ("mnist/large", "BuilderConfig large not found"),
    ],
)
def test_dataset_that_tfds_does_not_have_is_refused_in_one_line(where, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as caught:
        open_source(IngestConfig(source=f"tfds:{where}", data_dir=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_dataset_without_images_is_refused_before_it_is_fetched(tmp_path):
    with pytest.raises(SourceError, match=r"needs a feature 'image'.* its features are .*sentence"):
        open_source(IngestConfig(source="tfds:glue", data_dir=str(tmp_path)))


def test_missing_manual_dir_is_named(tmp_path):
    config = IngestConfig(
        source="fashion_mnist", data_dir=str(tmp_path), manual_dir=str(tmp_path / "none")
    )
    with pytest.raises(SourceError, match=r"There is no folder '.*none'"):
        open_source(config)


def test_reason_for_a_failed_preparation_is_the_line_of_the_error(tmp_path):
    config = IngestConfig(source="tfds:odd_images", data_dir=str(tmp_path))
    with pytest.raises(SourceError, match=r"could not prepare 'odd_images': .*DatasetNotFound"):
        open_source(config)  # the child process has only TFDS's own datasets


def test_reading_tfds_leaves_tensorflow_to_be_set_up(odd):
    subprocess.run([sys.executable, "-c", READ_AND_SET_UP, odd.data_dir], check=True)


def test_mixed_shapes_and_undecodable_images_are_named(odd, tmp_path):
    with pytest.raises(SourceError, match=r"^3 of 100 rows are bad, 0 are allowed") as caught:
        ingest(Context(Store(tmp_path / "store")), odd)
    assert str(caught.value).count("undecodable") == 2
    assert "(undecodable: it is no image that Pillow knows)" in str(caught.value)
    assert "wrong_shape: (4, 6, 3) among rows of (6, 4, 3)" in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_odd_images_within_the_budget_go_to_quarantine(odd, tmp_path):
    config = odd.model_copy(update={"max_bad_fraction": 0.05})
    dataset = ingest(Context(Store(tmp_path / "store")), config)
    assert dataset.quarantined == 3
    assert sum(dataset.rows.values()) == 97  # including the grey image, as colour
    assert dataset.example_schema.shape == (6, 4, 3)
    assert not dataset.has_labels


def test_truncated_records_are_refused(odd, tmp_path):
    shutil.copytree(odd.data_dir, tmp_path / "copy")
    (records,) = (tmp_path / "copy").rglob("*.tfrecord*")
    records.write_bytes(records.read_bytes()[:-10])
    config = odd.model_copy(update={"data_dir": str(tmp_path / "copy")})
    with pytest.raises(SourceError, match=r"Cannot read '.*tfrecord.*truncated record"):
        ingest(Context(Store(tmp_path / "store")), config)
