"""One run in a plain environment and one in an odd environment: their stores are the same."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

AEFLOW = Path(sys.executable).with_name("aeflow")
RUN = ["run", "--direct", "--source", "images:höhe", "--latent-dim", "2", "--epochs", "1"]
KERAS = {"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first"}
LABELS = ["größe", "日本"]


@dataclass(frozen=True)
class Ran:
    """A folder with a store, and what was printed."""

    folder: Path
    printed: str

    def manifest(self, kind: str) -> dict[str, Any]:
        (path,) = (self.folder / "störe" / kind).glob("*/_manifest.json")
        return json.loads(path.read_text("utf-8"))


def ran(folder: Path, **environment: str) -> Ran:
    """Runs the command line in a folder with images, two labels of 40 each."""
    draw = np.random.default_rng(0).integers
    for label in LABELS:
        (folder / "höhe" / label).mkdir(parents=True)
        for number in range(40):
            pixels = draw(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "höhe" / label / f"{number}ü.png")
    done = subprocess.run(
        [AEFLOW, *RUN, "--network", "convolutional", "--store", "störe"],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o077 if environment else -1,
        check=False,
    )
    printed = done.stdout.decode(environment.get("PYTHONIOENCODING", "utf-8"))
    assert done.returncode == 0, printed
    return Ran(folder, printed)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Ran:
    return ran(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Ran:
    keras = tmp_path_factory.mktemp("keras")
    (keras / "keras.json").write_text(json.dumps(KERAS), "utf-8")
    return ran(
        tmp_path_factory.mktemp("odd"),
        KERAS_HOME=str(keras),
        KERAS_BACKEND="jax",
        TF_USE_LEGACY_KERAS="1",
        HOME="/proc/absent",
        LC_ALL="C",
        PYTHONIOENCODING="ascii",
        PYTHONWARNINGS="error",
        MPLBACKEND="module://matplotlib_inline.absent",
        TMPDIR="/absent",
        SSL_CERT_FILE="/absent",
        ONEDNN_DEFAULT_FPMATH_MODE="BF16",
        TERM="dumb",
        COLUMNS="20",
        TZ="absent",
    )


@pytest.mark.parametrize("kind", ["datasets", "models", "evaluations", "features"])
def test_store_holds_the_same(kind, plain, odd):
    """Compares keys, identities, metrics and the digest of every file: all rows and weights."""
    one, other = plain.manifest(kind), odd.manifest(kind)
    assert (other["artifact"], other["files"]) == (one["artifact"], one["files"])


def test_model_is_of_80_rows_with_their_labels_in_utf_8(odd):
    artifact = odd.manifest("datasets")["artifact"]
    assert artifact["label_names"] == LABELS
    assert sum(odd.manifest("features")["artifact"]["rows"].values()) == 80


def test_terminal_without_the_letter_shows_it_as_an_escape(odd):
    assert "st\\xf6re/features/" in odd.printed


def test_umask_of_the_user_holds_for_the_store(odd):
    files = [path for path in (odd.folder / "störe").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_names_of_files_that_are_not_utf_8_are_refused_at_once(tmp_path):
    environment = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [AEFLOW, *RUN, "--store", "störe"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "aeflow: File names must be UTF-8, but Python reads them as ascii here. "
        "Set PYTHONUTF8=1.\n",
    )
    assert list(tmp_path.iterdir()) == []
