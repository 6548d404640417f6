"""`aeflow run` in the folder of its data, which also contains its store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aeflow.storage.layout import TOP_FOLDERS
from flows.cli import main

RUN = ["run", "--direct", "--epochs", "1", "--latent-dim", "2"]
PICTURES = ["--source", "images:.", "--image-size", "8x8", "--color-mode", "grayscale"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with 120 pictures of two labels and a table of 120 rows."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    for number in range(120):
        path = Path(("cat", "dog")[number % 2], f"{number}.png")
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (8, 8), np.uint8)).save(path)
    pd.DataFrame(noise.normal(size=(120, 3)), columns=["a", "b", "c"]).to_parquet("t.parquet")
    return tmp_path


def dataset_in_store() -> dict[str, Any]:
    """Returns what the manifest of the only dataset says."""
    (manifest,) = Path("aeflow-store/datasets").glob("*/_manifest.json")
    return json.loads(manifest.read_text())["artifact"]


def test_run_again_does_nothing_though_its_own_pictures_are_in_the_source(here, capfd):
    assert main([*RUN, *PICTURES]) == 0
    assert len(list(Path("aeflow-store").rglob("*.png"))) > 1
    assert {path.name for path in Path("aeflow-store").iterdir()} <= TOP_FOLDERS
    capfd.readouterr()
    assert main([*RUN, *PICTURES]) == 0
    printed = capfd.readouterr()
    assert [line.endswith("already there") for line in printed.out.splitlines()[:5]] == [True] * 5
    assert printed.err.splitlines().count("ingest: leaves out the store 'aeflow-store'") == 1
    dataset = dataset_in_store()
    assert (sum(dataset["rows"].values()), dataset["label_names"]) == (120, ["cat", "dog"])


def test_ingest_again_does_nothing_though_its_own_features_are_in_the_source(here):
    assert main([*RUN, "--source", "parquet:."]) == 0
    assert list(Path("aeflow-store/features").rglob("*.parquet"))
    assert main(["ingest", "--direct", "--source", "parquet:**/*.parquet"]) == 0
    dataset = dataset_in_store()
    assert sum(dataset["rows"].values()) == 120
    assert dataset["example_schema"]["columns"] == ["a", "b", "c"]
