"""Figures are PNG for any file name, and equal arrays give equal bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from aeflow.pictures.figures import (
    drift_histogram,
    error_histogram,
    reconstruction_panel,
    training_curves,
)

IMAGES = (load_digits().images / 16).astype(np.float32)[..., np.newaxis]
ERRORS = np.random.default_rng(0).gamma(4, 0.01, 500).astype(np.float32)


def history(epochs: int) -> pa.Table:
    numbers = np.arange(1, epochs + 1)
    return pa.table(
        {
            "epoch": pa.array(numbers, pa.int32()),
            "learning_rate": pa.array(0.01 / numbers, pa.float32()),
            "loss": pa.array(0.05 / numbers, pa.float32()),
            "validation_loss": pa.array(0.06 / numbers, pa.float32()),
        }
    )


DRAWINGS: dict[str, Callable[[Path], None]] = {
    "grey images": lambda path: reconstruction_panel(IMAGES[:12], IMAGES[12:24], path),
    "one colour image": lambda path: reconstruction_panel(
        np.ones((1, 4, 6, 3)), np.zeros((1, 4, 6, 3)), path, captions=["0.10"]
    ),
    "vectors": lambda path: reconstruction_panel(
        IMAGES[:5].reshape(5, 64), IMAGES[5:10].reshape(5, 64), path, captions=list("abcde")
    ),
    "errors": lambda path: error_histogram(ERRORS, path, baselines={"PCA-8": 0.05}),
    "errors far below a baseline": lambda path: error_histogram(
        ERRORS, path, baselines={"mean image": 5.0}
    ),
    "no errors at all": lambda path: error_histogram(np.zeros(9), path, baselines={}),
    "drift": lambda path: drift_histogram(ERRORS, 2 * ERRORS[:50], path),
    "drift beyond the axis": lambda path: drift_histogram(
        ERRORS, np.where(ERRORS > 0.02, np.inf, ERRORS), path
    ),
    "no errors in either": lambda path: drift_histogram(np.zeros(9), np.zeros(1), path),
    "curves": lambda path: training_curves(history(8), path, baselines={"PCA-8": 0.01}),
    "one epoch": lambda path: training_curves(history(1), path),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DRAWINGS)
def test_same_arrays_give_the_same_png(name: str, tmp_path: Path):
    for file in ("first.tmp", "second.tmp"):
        DRAWINGS[name](tmp_path / file)

    assert (tmp_path / "first.tmp").read_bytes() == (tmp_path / "second.tmp").read_bytes()
    with Image.open(tmp_path / "first.tmp") as image:
        assert (image.format, "Software" in image.info) == ("PNG", False)


def test_originals_stand_over_their_reconstructions(tmp_path: Path):
    red, beyond_blue = np.zeros((2, 8, 8, 3)), np.full((2, 8, 8, 3), -1.0)
    red[..., 0], beyond_blue[..., 2] = 1, 7

    reconstruction_panel(red, beyond_blue, tmp_path / "panel.png")

    with Image.open(tmp_path / "panel.png") as image:
        middle = np.asarray(image.convert("RGB"))[:, image.width // 2 - 20]
    colors = [tuple(pixel) for pixel in middle if tuple(pixel) != (255, 255, 255)]
    assert (colors[0], colors[-1]) == ((255, 0, 0), (0, 0, 255))
    assert len(set(colors)) == 2


def test_every_example_needs_its_reconstruction(tmp_path: Path):
    with pytest.raises(ValueError, match="shorter"):
        reconstruction_panel(IMAGES[:3], IMAGES[:2], tmp_path / "panel.png")

    assert list(tmp_path.iterdir()) == []
