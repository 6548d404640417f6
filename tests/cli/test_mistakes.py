"""What a user gets wrong: one line, the documented exit code, and nothing left behind."""

import gzip
import io
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from flows.cli import main


@pytest.fixture(scope="module")
def wrong(tmp_path_factory) -> Path:
    """A folder of data, each with a mistake in it."""
    folder = tmp_path_factory.mktemp("wrong")
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    vectors = images.reshape(60, 16).astype(np.float32)
    vectors[7, 3] = np.nan
    np.savez(folder / "nan.npz", x_train=vectors)
    np.savez(folder / "long.npz", x_train=images, y_train=np.zeros(70, int))
    np.savez(folder / "mixed.npz", x_train=images, x_test=np.zeros((5, 5, 5), np.uint8))
    np.savez(folder / "ten.npz", x_train=images[:10])
    np.savez(folder / "objects.npz", x_train=np.array([images, None], dtype=object))
    (folder / "file").write_text("no store, no archive")
    (folder / "config.toml").write_text("[train]\nepochz = 3\n")
    (folder / "empty").mkdir()
    (folder / "cut").mkdir()
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
    whole = gzip.compress(header + images.tobytes())
    (folder / "cut" / "train-images-idx3-ubyte.gz").write_bytes(whole[:-200])
    ingest(Context(Store(folder / "made")), IngestConfig(source="digits"))
    return folder


MISTAKES = {
    "--source foo": "Unknown source 'foo'. Choose one of: digits, mnist, fashion_mnist, tfds:NAME",
    "--network foo": "Unknown network 'foo'. Choose one of: dense, deep, convolutional.",
    "--kind foo": "Unknown kind 'foo'. Choose one of: plain, denoising, variational,",
    "--foo 1": "Unknown option: --foo.",
    "--preset foo": "Unknown preset 'foo'. Choose one of: post, quick.",
    "--config config.toml": "Unknown option 'epochz' in train. Did you mean 'epochs'?",
    "--config none.toml": "Cannot read the config file 'none.toml': No such file or directory.",
    "--source idx:none": "There is no folder 'none'.",
    "--source idx:empty": "The folder 'empty' holds no file 'train-images-idx3-ubyte'",
    "--source idx:cut": "train-images-idx3-ubyte.gz' is cut short",
    "--source npz:none.npz": "There is no file 'none.npz'.",
    "--source npz:file": "'file' is not a whole NumPy archive of numbers",
    "--source npz:objects.npz": "'objects.npz' is not a whole NumPy archive of numbers",
    "--source npz:mixed.npz": "5 of 65 rows are bad, 0 are allowed",
    "--source npz:nan.npz": "train/7 (non_finite: 1 of 16 values, the first nan at 3)",
    "--source npz:long.npz": "y_train of 'long.npz' has 70 labels for 60 rows of x_train.",
    "--source npz:ten.npz": "No good row is left for the split 'validation'",
    "--source parquet:made": "A store is never a source, and 'made' is one or a part of one. Give",
    "--source images:made/datasets": "A store is never a source, and 'made/datasets' is one or a",
    "--ood-source csv:made": "A store is never a source, and 'made' is one or a part of one. Give",
    "--ood-source foo": "Unknown source 'foo'. Choose one of: digits, mnist, fashion_mnist, tfds:",
    "--epochs 0": "train.epochs = 0 is not allowed: Input should be greater than or equal to 1.",
    "--latent-dim 0": "model.latent_dim = 0 is not allowed",
    "--learning-rate nan": "train.learning_rate = nan is not allowed",
    "--network convolutional --hidden-units 5": "Unknown option 'hidden_units' in model.network",
    "--store file": "is a file. Choose another folder with --store.",
    "--store s3://bucket/store": "There are no credentials for 's3://bucket/store' in the env",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(wrong, options, monkeypatch):
    monkeypatch.chdir(wrong)
    before = sorted(wrong.rglob("*"))
    stderr = io.StringIO()
    with redirect_stderr(stderr):
        assert main(["run", "--direct", *options.split()]) == 2
    lines = [line for line in stderr.getvalue().splitlines() if not line.startswith("ingest: ")]
    assert len(lines) == 1
    assert lines[0].startswith("aeflow: ")
    assert MISTAKES[options] in lines[0]
    assert sorted(wrong.rglob("*")) == before


def test_a_network_that_does_not_fit_the_data_is_a_mistake(wrong, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(wrong)
    options = "--source npz:nan.npz --max-bad-fraction 0.1 --latent-dim 2 --network convolutional"
    assert main(["run", "--direct", "--store", str(tmp_path / "store"), *options.split()]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "aeflow: The convolutional network takes images [H, W, C], not examples of shape (16,). "
        "Choose --network dense."
    )
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["datasets"]


def test_ood_rows_that_do_not_fit_are_a_mistake_before_training(tmp_path, capsys):
    np.savez(tmp_path / "vectors.npz", x_train=np.ones((50, 5), np.float32))
    options = f"--source digits --ood-source npz:{tmp_path / 'vectors.npz'}"
    assert main(["run", "--direct", "--store", str(tmp_path / "store"), *options.split()]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(
            "aeflow: Strangers from 'vectors' of shape (5,) cannot be made to fit 'digits' of shape"
        )
    )
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["datasets"]
