"""Drift of real images: changes of Fashion-MNIST are detected, and unchanged data show none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from aeflow.configs import DriftConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.stages import Context
from aeflow.stages.comparison import measure_drift
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.fashion import FOLDER

BAG = 8
ROWS = 1000


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("fashion-drift") / "store")


@pytest.fixture(scope="module")
def dataset(store):
    return ingest(Context(store), IngestConfig(source=f"idx:{FOLDER}"))


@pytest.fixture(scope="module")
def model(dataset, store):
    config = TrainConfig(epochs=3, batch_size=256)
    return train(Context(store), dataset, config, model_config=ModelConfig(latent_dim=16))


@pytest.fixture(scope="module")
def images_and_labels(dataset, store) -> tuple[np.ndarray, np.ndarray]:
    """Test images [N, 28, 28] and their labels [N]."""
    shards = open_split(dataset, "test", store)
    images = np.concatenate([shard.features[..., 0] for shard in shards])
    labels = np.concatenate([shard.labels.to_numpy() for shard in shards])
    return images, labels


@pytest.fixture
def drift_of(model, store, tmp_path):
    def measure(images: np.ndarray):
        np.savez(tmp_path / "images.npz", x_train=images)
        config = IngestConfig(source=f"npz:{tmp_path / 'images.npz'}", splits="all")
        dataset = ingest(Context(store), config)
        return measure_drift(Context(store), model, DriftConfig(split="all"), dataset=dataset)

    return measure


@pytest.mark.parametrize("split", ["test", "train"])
def test_whole_splits_of_the_same_data_have_not_drifted(split, model, dataset, store):
    drift = measure_drift(Context(store), model, DriftConfig(split=split), dataset=dataset)
    assert not drift.drifted
    assert drift.max_psi < 0.03


@pytest.mark.parametrize("part", range(5))
def test_parts_of_the_same_data_have_not_drifted(part, drift_of, images_and_labels):
    images, _ = images_and_labels
    assert not drift_of(images[part * ROWS : (part + 1) * ROWS]).drifted


def test_noise_moves_the_error(drift_of, images_and_labels):
    images = images_and_labels[0][:ROWS]
    noise = np.random.default_rng(0).normal(0, 20, images.shape)
    drift = drift_of(np.clip(images + noise, 0, 255).astype(np.uint8))
    assert "reconstruction_error" in drift.columns


def test_blur_moves_the_error(drift_of, images_and_labels):
    images = [gaussian_filter(image.astype(float), 0.7) for image in images_and_labels[0][:ROWS]]
    assert "reconstruction_error" in drift_of(np.stack(images).astype(np.uint8)).columns


def test_missing_class_moves_the_clusters_of_latents(drift_of, images_and_labels):
    images, labels = (column[:ROWS] for column in images_and_labels)
    drift = drift_of(images[labels != BAG])
    assert "latent_clusters" in drift.columns
    assert set(drift.columns) <= {"latent_clusters", "latent_domains"}
