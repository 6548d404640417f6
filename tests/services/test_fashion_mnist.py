"""The whole pipeline on all 70,000 rows of Fashion-MNIST, with Prefect's embedded server."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aeflow.artifacts import Dataset, Model
from aeflow.datasets.shards import open_split
from aeflow.datasets.statistics import read_statistics
from aeflow.models import load_model
from aeflow.storage import Store
from tests.fashion import FOLDER, restore_originals

SPLITS = {"train": 57_000, "validation": 3_000, "test": 10_000}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("fashion") / "store")


@pytest.fixture(scope="module")
def outcome(run_aeflow, store) -> dict:
    """Dense 784-128-32-128-784, 10 epochs, batch 128: the defaults."""
    return run_aeflow("run", "--source", f"idx:{FOLDER}", "--store", store.root)


def artifact(store: Store, answer_type, outcome: dict):
    address = Path(outcome["path"]).relative_to(store.root).as_posix()
    return answer_type.model_validate(store.manifest(address).artifact)


def test_the_model_beats_pca_with_as_many_dimensions(outcome):
    assert outcome["metrics"]["mse"] <= 0.0092
    assert outcome["metrics"]["mse_pca"] == pytest.approx(0.0151, abs=0.0001)


def test_all_rows_are_in_the_features_once(outcome):
    frame = pd.read_parquet(outcome["features"]["path"])
    assert len(frame) == 70_000
    assert frame["id"].is_unique
    assert frame["split"].value_counts().to_dict() == SPLITS


def test_features_are_the_latents_of_the_model(outcome, store):
    dataset = artifact(store, Dataset, outcome["dataset"])
    model = load_model(artifact(store, Model, outcome["model"]), store, cpu="any")
    frame = pd.read_parquet(outcome["features"]["path"], columns=["id", "latent"]).set_index("id")
    for split in SPLITS:
        for shard in open_split(dataset, split, store):
            latents = np.stack(frame.loc[shard.ids.to_pylist(), "latent"].to_list())
            z = model.encode(shard.features).numpy()
            assert np.abs(latents - z).max() <= 1e-5 * np.abs(z).max()


def modification_times(store) -> dict:
    """Returns when each file was changed, without manifests: their times record the use."""
    files = (path for path in store.root.rglob("[!_]*") if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_second_run_does_no_work_and_ends_in_the_same_keys(run_aeflow, outcome, store):
    before = modification_times(store)
    start = time.monotonic()
    again = run_aeflow("run", "--source", f"idx:{FOLDER}", "--store", store.root)
    assert again == outcome
    assert modification_times(store) == before
    assert time.monotonic() - start < 120


def test_every_artifact_is_what_was_committed(outcome, store):
    keys = [part["key"] for part in outcome.values() if "key" in part]
    assert len(keys) == 5
    assert [store.verify(key) for key in keys] == [[]] * 5


def test_the_dataset_is_what_is_known_of_it(outcome, store):
    statistics = read_statistics(artifact(store, Dataset, outcome["dataset"]), store)["train"]
    assert statistics.mean / 255 == pytest.approx(0.2860, abs=1e-4)
    assert statistics.std / 255 == pytest.approx(0.3530, abs=1e-4)
    assert statistics.position_mean.shape == (28, 28, 1)


def test_the_same_images_come_through_the_stock_builder_of_tfds(run_aeflow, store, tmp_path):
    outcome = run_aeflow(
        "run", "--source", "fashion_mnist", "--epochs", 2, "--direct", "--store", store.root,
        "--data-dir", tmp_path / "data", "--manual-dir", restore_originals(tmp_path / "originals"),
    )  # fmt: skip
    frame = pd.read_parquet(outcome["features"]["path"])
    assert frame["split"].value_counts().to_dict() == SPLITS
    assert frame["id"].is_unique
    assert outcome["metrics"]["mse"] < outcome["metrics"]["mse_mean_image"] / 4
    assert outcome["metrics"]["mse_pca"] == pytest.approx(0.0151, abs=0.0001)
