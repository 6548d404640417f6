"""Fashion-MNIST by TFDS's own builder, from the original files and without a network."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow_datasets as tfds

from aeflow.configs import IngestConfig
from aeflow.datasets.shards import open_split
from aeflow.datasets.sources import open_source
from aeflow.errors import Interrupted, SourceError
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from tests.fashion import FOLDER, restore_originals

OPEN = """
import json, sys
from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source
config = IngestConfig(source="fashion_mnist", data_dir=sys.argv[1], manual_dir=sys.argv[2])
messages = []
source = open_source(config, on_wait=messages.append)
pieces = [[piece.name, piece.digest, piece.rows] for piece in source.pieces()]
print(json.dumps({"pieces": pieces, "messages": messages}))
"""


@dataclass(frozen=True)
class PreparedTwice:
    """Holds the folder of a dataset that two processes prepared at once, and what each printed."""

    data_dir: Path
    outputs: list[dict]
    printed: list[str]


@pytest.fixture(scope="session")
def fashion_tfds(tmp_path_factory) -> PreparedTwice:
    folder = tmp_path_factory.mktemp("tfds")
    originals = restore_originals(folder / "originals")
    command = [sys.executable, "-c", OPEN, str(folder / "prepared"), str(originals)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    return PreparedTwice(
        folder / "prepared",
        [json.loads(out.splitlines()[-1]) for out, _ in outputs],
        [line for out, err in outputs for line in (out + err).splitlines()[:-1]],
    )


@pytest.fixture(scope="session")
def fashion(fashion_tfds, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    config = IngestConfig(source="tfds:fashion_mnist:3.0.1", data_dir=str(fashion_tfds.data_dir))
    return ingest(Context(store), config), store


def test_files_that_are_not_the_originals_are_refused(tmp_path):
    config = IngestConfig(
        source="fashion_mnist", data_dir=str(tmp_path / "data"), manual_dir=str(FOLDER)
    )
    with pytest.raises(SourceError, match=r"ubyte.gz' is not the original file: its SHA-256"):
        open_source(config)
    assert not (tmp_path / "data").exists()


def test_interrupted_preparation_ends_its_child_and_prepares_nothing(tmp_path):
    messages = []

    def interrupt(message):
        messages.append(message)
        if messages.count("prepares fashion_mnist") > 2:
            raise Interrupted("enough")

    originals = restore_originals(tmp_path / "originals")
    config = IngestConfig(
        source="fashion_mnist", data_dir=str(tmp_path / "data"), manual_dir=str(originals)
    )
    with pytest.raises(Interrupted):
        open_source(config, on_wait=interrupt)
    assert psutil.Process().children(recursive=True) == []
    assert not (tmp_path / "data" / "fashion_mnist" / "3.0.1").exists()


def test_two_processes_that_prepare_tfds_fashion_mnist_at_once_both_get_it(fashion_tfds):
    first, second = fashion_tfds.outputs
    assert first["pieces"] == second["pieces"]
    assert [piece[::2] for piece in first["pieces"]] == [["test", 10_000], ["train", 60_000]]
    workers = [any("prepares" in line for line in output["messages"]) for output in (first, second)]
    assert sorted(workers) == [False, True]


def test_preparing_tfds_fashion_mnist_prints_nothing(fashion_tfds):
    assert fashion_tfds.printed == []


def test_tfds_fashion_mnist_keeps_ids_images_and_labels_of_tfds(fashion, fashion_tfds):
    dataset, store = fashion
    (shard,) = open_split(dataset, "test", store)
    builder = tfds.builder("fashion_mnist", data_dir=fashion_tfds.data_dir)
    read_config = tfds.ReadConfig(add_tfds_id=True, try_autocache=False)
    theirs = builder.as_dataset(split="test[:200]", read_config=read_config)
    for row, example in enumerate(theirs.as_numpy_iterator()):
        assert shard.ids[row].as_py() == example["tfds_id"].decode()
        assert shard.labels[row].as_py() == example["label"]
        assert np.array_equal(shard.features[row], example["image"])


def test_tfds_fashion_mnist_has_57000_3000_and_10000_rows(fashion):
    dataset, store = fashion
    assert dataset.name == "fashion_mnist"
    assert dataset.rows == {"train": 57_000, "validation": 3_000, "test": 10_000}
    assert dataset.example_schema.shape == (28, 28, 1)
    assert dataset.example_schema.value_range == (0.0, 255.0)
    assert dataset.label_names[0] == "T-shirt/top"
    assert store.verify(dataset.key) == []
