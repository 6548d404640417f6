"""Ingestion end to end: what is in the store afterwards, and what is not."""

import gzip
import json
import threading

import numpy as np
import pyarrow.parquet as pq
import pytest

from aeflow.configs import IngestConfig, RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.datasets.statistics import read_statistics
from aeflow.errors import Interrupted
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from tests.datasets.idx_files import write_idx


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def archive(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return f"npz:{path}"


def vectors(count, *, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)


def ids_of(dataset, split, store):
    return [name for shard in open_split(dataset, split, store) for name in shard.ids.to_pylist()]


def features_of(dataset, split, store):
    return np.concatenate([shard.features for shard in open_split(dataset, split, store)])


def test_digits_become_three_splits_of_images(store):
    dataset = ingest(Context(store), IngestConfig())
    assert dataset.address == f"datasets/digits-{dataset.key}"
    assert dataset.rows == {"train": 1533, "validation": 84, "test": 180}
    assert dataset.example_schema.shape == (8, 8, 1)
    assert dataset.example_schema.value_range == (0.0, 16.0)
    assert dataset.has_labels
    assert dataset.label_names == tuple("0123456789")
    assert store.verify(dataset.key) == []


def test_every_row_is_in_one_split_with_its_own_features_and_label(store, tmp_path):
    x, y = vectors(200), np.arange(200)
    dataset = ingest(
        Context(store), IngestConfig(source=archive(tmp_path / "x.npz", x_train=x, y_train=y))
    )
    stored_rows = {}
    for split in dataset.rows:
        for shard in open_split(dataset, split, store):
            stored_rows |= {
                name: (features, label)
                for name, features, label in zip(
                    shard.ids.to_pylist(), shard.features, shard.labels.to_pylist(), strict=True
                )
            }
    assert sum(dataset.rows.values()) == len(stored_rows) == 200
    for row in range(200):
        features, label = stored_rows[f"train/{row}"]
        assert label == row
        assert np.array_equal(features, x[row])


def test_second_time_the_answer_is_there_and_no_row_is_read(store):
    first = ingest(Context(store), IngestConfig())
    progress = []
    assert ingest(Context(store, on_progress=progress.append), IngestConfig()) == first
    assert not [step for step in progress if step.unit == "row"]


def test_same_content_elsewhere_has_the_same_key_and_bytes(tmp_path):
    answers = [
        ingest(
            Context(Store(tmp_path / folder / "store")),
            IngestConfig(source=archive(tmp_path / folder / "x.npz", x_train=vectors(100))),
        )
        for folder in ("here", "there")
    ]
    assert answers[0] == answers[1]


def test_content_and_seed_change_the_key(store, tmp_path):
    sources = [archive(tmp_path / f"{n}.npz", x_train=vectors(100, seed=n)) for n in (0, 1)]
    configs = [
        IngestConfig(source=sources[0]),
        IngestConfig(source=sources[1]),
        IngestConfig(source=sources[0], seed=1),
    ]
    assert len({ingest(Context(store), config).key for config in configs}) == 3


def test_a_given_name_names_the_folder_and_keeps_the_key(store, tmp_path):
    source = archive(tmp_path / "my vectors.npz", x_train=vectors(100))
    named = ingest(Context(store), IngestConfig(source=source, name="other"))
    plain = ingest(Context(store), IngestConfig(source=source))
    assert (named.name, plain.name) == ("other", "my-vectors")
    assert named.key == plain.key
    assert store.locate(named).name == f"other-{named.key}"


def test_shards_stay_below_their_bytes_and_within_a_piece(store, tmp_path):
    source = archive(tmp_path / "x.npz", x_train=vectors(130), x_test=vectors(70))
    dataset = ingest(Context(store), IngestConfig(source=source, splits="all", shard_bytes=1024))
    shards = open_split(dataset, "all", store)
    assert dataset.rows == {"all": 200}
    assert [shard.rows for shard in shards] == [51, 51, 28, 51, 19]  # 20 bytes per row
    for shard in shards:
        assert len({name.partition("/")[0] for name in shard.ids.to_pylist()}) == 1


def test_a_row_larger_than_a_shard_gets_one_of_its_own(store, tmp_path):
    images = np.zeros((40, 32, 33), dtype=np.uint8)
    config = IngestConfig(source=archive(tmp_path / "x.npz", x_train=images), shard_bytes=1024)
    dataset = ingest(Context(store), config)
    shards = [shard for split in dataset.rows for shard in open_split(dataset, split, store)]
    assert [shard.rows for shard in shards] == [1] * 40


@pytest.mark.parametrize(
    ("low", "high", "value_range"),
    [(0, 1, (0.0, 1.0)), (0.25, 0.5, (0.0, 1.0)), (0, 2, (0.0, 255.0)), (-1, 1, (-1.0, 1.0))],
)
def test_range_of_float_images_follows_from_their_values(low, high, value_range, store, tmp_path):
    images = np.full((100, 4, 4), low, dtype=np.float32)
    images[:, 0, 0] = high
    dataset = ingest(
        Context(store), IngestConfig(source=archive(tmp_path / "x.npz", x_train=images))
    )
    assert dataset.example_schema.value_range == value_range
    assert dataset.example_schema.dtype == "float32"


def test_bytes_range_over_0_to_255_whatever_they_are(store, tmp_path):
    images = np.ones((100, 4, 4), dtype=np.uint8)
    dataset = ingest(
        Context(store), IngestConfig(source=archive(tmp_path / "x.npz", x_train=images))
    )
    assert dataset.example_schema.value_range == (0.0, 255.0)


def test_vectors_have_no_range_and_may_have_no_labels(store, tmp_path):
    dataset = ingest(
        Context(store), IngestConfig(source=archive(tmp_path / "x.npz", x_train=vectors(100)))
    )
    assert dataset.example_schema.shape == (5,)
    assert dataset.example_schema.value_range is None
    assert not dataset.has_labels
    assert open_split(dataset, "train", store)[0].labels is None


def test_labels_of_one_split_alone_do_not_count_as_labels(store, tmp_path):
    x = vectors(100)
    source = archive(tmp_path / "x.npz", x_train=x, y_train=np.zeros(100), x_test=x)
    assert not ingest(Context(store), IngestConfig(source=source)).has_labels


def test_statistics_are_those_of_the_rows_in_each_split(store, tmp_path):
    dataset = ingest(
        Context(store), IngestConfig(source=archive(tmp_path / "x.npz", x_train=vectors(500)))
    )
    for split, statistics in read_statistics(dataset, store).items():
        values = features_of(dataset, split, store).astype(np.float64)
        assert statistics.count == dataset.rows[split] == len(values)
        assert statistics.mean == pytest.approx(values.mean())
        assert statistics.std == pytest.approx(values.std())
        assert (statistics.min, statistics.max) == (values.min(), values.max())
        np.testing.assert_allclose(statistics.position_mean, values.mean(axis=0))
        np.testing.assert_allclose(statistics.position_std, values.std(axis=0))


def test_statistics_are_stored_next_to_the_shards_as_json_and_npz(store):
    dataset = ingest(Context(store), IngestConfig())
    folder = store.locate(dataset)
    train = json.loads((folder / "statistics.json").read_text())["train"]
    assert train.keys() == {"count", "mean", "std", "min", "max"}
    with np.load(folder / "statistics.npz") as arrays:
        assert arrays["train_mean"].shape == arrays["test_std"].shape == (8, 8, 1)


def test_bad_rows_within_the_budget_go_to_quarantine(store, tmp_path):
    x = vectors(200)
    x[[3, 150]] = np.nan
    config = IngestConfig(source=archive(tmp_path / "x.npz", x_train=x), max_bad_fraction=0.01)
    dataset = ingest(Context(store), config)
    assert dataset.quarantined == 2
    assert sum(dataset.rows.values()) == 198
    quarantine = pq.read_table(store.locate(dataset) / "quarantine.parquet")
    assert quarantine["id"].to_pylist() == ["train/3", "train/150"]
    assert quarantine["reason"].to_pylist() == ["non_finite", "non_finite"]
    good_ids = {name for split in dataset.rows for name in ids_of(dataset, split, store)}
    assert not good_ids & {"train/3", "train/150"}


def test_bad_rows_move_no_other_row(store, tmp_path):
    x = vectors(200)
    whole = ingest(Context(store), IngestConfig(source=archive(tmp_path / "a.npz", x_train=x)))
    x[7] = np.nan
    config = IngestConfig(source=archive(tmp_path / "b.npz", x_train=x), max_bad_fraction=0.5)
    with_bad_row = ingest(Context(store), config)
    for split in whole.rows:
        expected = set(ids_of(whole, split, store)) - {"train/7"}
        assert set(ids_of(with_bad_row, split, store)) == expected


def test_progress_ends_at_the_number_of_rows_on_the_thread_of_the_caller(store):
    progress, threads = [], set()

    def note(step):
        progress.append(step)
        threads.add(threading.current_thread())

    ingest(Context(store, on_progress=note), IngestConfig())
    assert (progress[-1].stage, progress[-1].done, progress[-1].total) == ("ingest", 1797, 1797)
    assert threads == {threading.main_thread()}


def test_interruption_while_rows_are_read_leaves_nothing(store):
    def interrupt(step):
        if step.unit == "row":
            raise Interrupted("enough")

    with pytest.raises(Interrupted, match="enough"):
        ingest(Context(store, on_progress=interrupt), IngestConfig())
    assert not store.root.exists()


def test_deadline_stops_ingestion(store):
    with pytest.raises(Interrupted, match="The deadline of 1e-06 s passed during ingest"):
        ingest(Context(store, runtime=RuntimeConfig(deadline_seconds=1e-6)), IngestConfig())


def test_raw_and_gzipped_idx_files_are_one_dataset(store, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8))
    write_idx(tmp_path / "raw" / "train-images-idx3-ubyte", images)
    raw = ingest(Context(store), IngestConfig(source=f"idx:{tmp_path / 'raw'}"))
    content = (tmp_path / "raw" / "train-images-idx3-ubyte").read_bytes()
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    packed = ingest(Context(store), IngestConfig(source=f"idx:{tmp_path / 'packed'}"))
    assert (raw.key, raw.digest) == (packed.key, packed.digest)
