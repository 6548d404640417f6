"""Only the new rows of a grown dataset are encoded, and no byte differs from encoding it all."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aeflow.artifacts import Dataset
from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from aeflow.storage.disk.files import sha256_of

CONFIG = ModelConfig(latent_dim=2)


def write(folder, day, count=300):
    numbers = np.random.default_rng(day).normal(size=(count, 3)).astype(np.float32)
    columns = {"label": (numbers[:, 0] > 0).astype(np.int64)}
    table = pa.table(columns | {f"x{i}": numbers[:, i] for i in range(3)})
    pq.write_table(table, folder / f"2026-11-{day:02d}.parquet")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A store with a model, its dataset of two files encoded, and the dataset with a third."""
    root = tmp_path_factory.mktemp("growth")
    (root / "daily").mkdir()
    ingest_config = IngestConfig(source=f"parquet:{root / 'daily'}", shard_bytes=1024)
    store = Store(root / "store")
    write(root / "daily", 2)
    write(root / "daily", 3)
    before = ingest(Context(store), ingest_config)
    model = train(Context(store), before, TrainConfig(epochs=1), model_config=CONFIG)
    other = train(Context(store), before, TrainConfig(epochs=2), model_config=CONFIG)
    features = encode(Context(store), model, EncodeConfig(), dataset=before)
    write(root / "daily", 1)  # sorts first, so that the number of every shard changes
    return store, model, other, features, ingest(Context(store), ingest_config)


@pytest.fixture
def copied(grown, tmp_path):
    store, *others = grown
    return Store(shutil.copytree(store.root, tmp_path / "store")), *others


def files(store, features):
    return list(store.locate(features).rglob("*.parquet"))


def taken_over(store, before, after):
    """Counts the files of a feature set that are the same files as in an earlier one."""
    old = {path.stat().st_ino for path in files(store, before)}
    return sum(path.stat().st_ino in old for path in files(store, after))


def test_only_new_shards_are_encoded(copied):
    store, model, _, before, dataset = copied
    after = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    assert sum(after.rows.values()) == 900
    assert taken_over(store, before, after) == len(files(store, before))
    assert store.verify(after.key) == []


def test_no_byte_differs_from_features_made_in_one_go(copied):
    store, model, _, _, dataset = copied
    after = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    shutil.rmtree(store.root / "features")
    assert encode(Context(store), model, EncodeConfig(), dataset=dataset) == after


def test_only_new_shards_are_encoded_if_each_label_has_a_folder(copied):
    store, model, _, before, dataset = copied
    address = store.manifest(before.address).question.inputs["dataset"].address
    smaller = Dataset.model_validate(store.manifest(address).artifact)
    config = EncodeConfig(partition_by_label=True)
    earlier = encode(Context(store), model, config, dataset=smaller)
    after = encode(Context(store), model, config, dataset=dataset)
    assert taken_over(store, earlier, after) == len(files(store, earlier))
    shutil.rmtree(store.root / "features")
    assert encode(Context(store), model, config, dataset=dataset) == after


@pytest.mark.parametrize(
    ("config", "runtime"),
    [
        (EncodeConfig(layout="wide"), RuntimeConfig()),
        (EncodeConfig(), RuntimeConfig(encode_batch_size=64)),
    ],
)
def test_features_made_in_another_way_are_left_alone(config, runtime, copied):
    store, model, _, before, dataset = copied
    after = encode(Context(store, runtime=runtime), model, config, dataset=dataset)
    assert taken_over(store, before, after) == 0


def test_features_of_another_model_are_left_alone(copied):
    store, _, other, before, dataset = copied
    after = encode(Context(store), other, EncodeConfig(), dataset=dataset)
    assert taken_over(store, before, after) == 0


def test_damaged_file_is_encoded_again(copied):
    store, model, _, before, dataset = copied
    damaged = files(store, before)[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    after = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    assert Store(store.root).verify(after.key) == []


def test_dataset_of_earlier_features_may_be_gone(copied):
    store, model, _, before, dataset = copied
    earlier = store.find(before.address).question.inputs["dataset"].address
    shutil.rmtree(store.root / earlier)
    after = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    assert taken_over(store, before, after) == 0


def digests(store, *artifacts):
    """Returns the SHA-256 of the shards and feature files of these artifacts."""
    entries = [entry for made in artifacts for entry in store.manifest(made.address).files]
    return {e.sha256 for e in entries if e.name.endswith(".arrow") or "/" in e.name}


def test_in_an_object_store_only_what_is_new_comes_to_this_machine(tmp_path, monkeypatch):
    url = f"memory://{tmp_path.name}/store"
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "first"))
    (tmp_path / "daily").mkdir()
    ingest_config = IngestConfig(source=f"parquet:{tmp_path / 'daily'}", shard_bytes=1024)
    write(tmp_path / "daily", 2)
    write(tmp_path / "daily", 3)
    smaller = ingest(Context(Store(url)), ingest_config)
    model = train(Context(Store(url)), smaller, TrainConfig(epochs=1), model_config=CONFIG)
    before = encode(Context(Store(url)), model, EncodeConfig(), dataset=smaller)
    write(tmp_path / "daily", 4, count=100)
    dataset = ingest(Context(Store(url)), ingest_config)

    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "second"))
    store = Store(url)
    after = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    assert store.verify(after.key) == []
    here = {sha256_of(path) for path in (tmp_path / "second").rglob("*.*") if path.is_file()}
    new = digests(store, after, dataset) - digests(store, before, smaller)
    assert new and new == here & digests(store, before, smaller, after, dataset)
