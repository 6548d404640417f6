"""What ingestion refuses: with one line that gives the reason, and nothing left in the store."""

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.errors import SourceError
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


def nan_in_features(folder):
    x = vectors(100)
    x[5, 1] = np.nan
    return archive(folder / "x.npz", x_train=x)


def other_shape_in_test(folder):
    return archive(folder / "x.npz", x_train=vectors(100), x_test=vectors(100)[:, :4])


def labels_longer(folder):
    return archive(folder / "x.npz", x_train=vectors(100), y_train=np.zeros(101))


def images_cut_short(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 256, (100, 8, 8)))
    path.write_bytes(path.read_bytes()[:-100])
    return f"idx:{folder}"


def empty_folder(folder):
    folder.mkdir()
    return f"idx:{folder}"


def no_images(folder):
    write_idx(folder / "train-images-idx3-ubyte", np.zeros((0, 8, 8)))
    return f"idx:{folder}"


def too_few_to_validate(folder):
    return archive(folder / "x.npz", x_train=vectors(1), x_test=vectors(1))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (nan_in_features, r"1 of 100 rows are bad, 0 are allowed .*train/5 \(non_finite"),
        (other_shape_in_test, r"100 of 200 rows are bad.*test/0 \(wrong_shape: \(4,\) among"),
        (labels_longer, "101 labels for 100 rows"),
        (images_cut_short, "is cut short"),
        (empty_folder, "holds no file 'train-images-idx3-ubyte'"),
        (no_images, "holds no rows"),
        (too_few_to_validate, "No good row is left for the split 'validation'"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_store(source, message, store, tmp_path):
    with pytest.raises(SourceError, match=message) as caught:
        ingest(Context(store), IngestConfig(source=source(tmp_path / "source")))
    assert "\n" not in str(caught.value)
    assert not store.root.exists()


def test_failure_leaves_other_datasets_alone(store, tmp_path):
    dataset = ingest(Context(store), IngestConfig())
    with pytest.raises(SourceError):
        ingest(Context(store), IngestConfig(source=nan_in_features(tmp_path)))
    assert [entry.name for entry in (store.root / "datasets").iterdir()] == [
        store.locate(dataset).name
    ]
