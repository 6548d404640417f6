"""Runs what the README tells people to run, in a folder with data such as it speaks of."""

import contextlib
import io
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from aeflow.configs.loading import load_config
from flows.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for language, block in BLOCKS
    for line in block.splitlines()
    if not language and line.startswith("aeflow ")
]
ELSEWHERE = {
    "aeflow tensorboard": "tests/services/test_readme_server.py",
    "aeflow run": "the fixture `made`",
    "aeflow rollback my-data": "tests/cli/test_models.py",
    "aeflow one-class --source digits --output one-class.json": (
        "tests/stages/evaluation/test_one_class.py"
    ),
    "aeflow encode --model KEY --source npz:new-data.npz --dask tcp://SCHEDULER:8786": (
        "tests/services/test_dask.py"
    ),
    **{line: "tests/services/test_object_store.py" for line in COMMANDS if "s3://" in line},
}
PYTHON = [block for language, block in BLOCKS if language == "python"]


@dataclass(frozen=True)
class Made:
    """A folder with a user's data, and what `aeflow run` printed there as JSON."""

    folder: Path
    json: dict


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("readme")
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    np.savez(folder / "my-data.npz", x_train=images[:300], y_train=labels[:300])
    np.savez(folder / "new-data.npz", x_train=images[300:400])
    (folder / "daily").mkdir()
    for day in (1, 2, 3):
        np.savez(folder / "daily" / f"2026-11-0{day}.npz", x_train=images[300 + day : 400])
    write_idx(folder / "my-folder", images[:300], labels[:300])
    write_photos(folder / "my-photos", images[:60], labels[:60])
    write_table(folder / "my-table.parquet")
    (folder / "my-config.toml").write_text(toml_block().replace("epochs = 20", "epochs = 2"))
    with contextlib.chdir(folder):
        printed = aeflow("aeflow run")
    return Made(folder, json.loads(printed[-1]))


def toml_block(number: int = 0) -> str:
    return [block for language, block in BLOCKS if language == "toml"][number]


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir()
    for name, array in {
        "train-images-idx3-ubyte": images,
        "train-labels-idx1-ubyte": labels.astype(np.uint8),
    }.items():
        shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
        header = bytes([0, 0, 8, array.ndim]) + shape
        (folder / name).write_bytes(header + array.tobytes())


def write_photos(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(16 * image).save(folder / str(label) / f"{number}.png")


def write_table(path: Path) -> None:
    numbers = load_iris().data.T
    names = ("height", "width", "weight", "colour")
    pq.write_table(pa.table(dict(zip(names, numbers, strict=True))), path)


def aeflow(command: str) -> list[str]:
    """Runs a command without Prefect, which the tests of the flows have, and returns its lines."""
    without = ("show", "verify", "models", "promote", "prune", "features", "neighbours")
    options = [] if shlex.split(command)[1] in without else ["--direct", "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*shlex.split(command)[1:], *options]) == 0
    return printed.getvalue().splitlines()


def test_the_readme_has_its_parts_in_order():
    titles = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert titles[:6] == [
        "Two commands",
        "What comes out",
        "Your own data",
        "Kept fresh",
        "The Prefect UI, and TensorBoard",
        "Scaling out",
    ]


def test_every_make_target_in_the_readme_is_in_the_makefile():
    named = re.findall(r"^make ([\w-]+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert named == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_every_picture_in_the_readme_is_there():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_a_command_of_the_readme_does_what_it_says(made: Made, command, monkeypatch):
    monkeypatch.chdir(made.folder)
    if "--model KEY" in command and "my-data" not in command:
        printed = aeflow("aeflow train --source npz:my-data.npz --epochs 20")
        key = json.loads(printed[-1])["model"]["key"]
    else:
        key = made.json["model"]["key"]
    lines = aeflow(command.replace("KEY", key))
    assert lines


def test_every_kind_of_command_is_in_the_readme():
    assert {shlex.split(command)[1] for command in COMMANDS} == {
        "run", "ingest", "train", "evaluate", "encode", "backfill", "publish", "retrain",
        "models", "tune", "one-class", "promote", "features", "neighbours", "rollback", "prune",
        "show", "verify", "tensorboard",
    }  # fmt: skip


def test_the_config_of_the_readme_is_one(tmp_path):
    (tmp_path / "config.toml").write_text(toml_block())
    config = load_config(path=tmp_path / "config.toml")
    assert (config.model.latent_dim, config.model.kind.name, config.train.patience) == (
        16,
        "denoising",
        5,
    )


def test_the_config_for_features_trains(made: Made, monkeypatch):
    monkeypatch.chdir(made.folder)
    Path("features.toml").write_text(toml_block(1))
    printed = aeflow("aeflow run --source npz:my-data.npz --epochs 1 --config features.toml")
    options = load_config(path=Path("features.toml")).model.kind.model_dump()
    assert (options["name"], options["noise"]) == ("denoising", "affine")
    assert json.loads(printed[-1])["model"]["key"]


@pytest.mark.parametrize("block", PYTHON, ids=["pandas", "polars", "duckdb", "library"])
def test_the_python_of_the_readme_runs(made: Made, block, monkeypatch, capsys):
    monkeypatch.chdir(made.folder)
    names: dict = {}
    exec(block.replace("<key>", made.json["features"]["key"]), names)
    if "latents" in names:
        assert np.stack(list(names["latents"])).shape == (1797, 8)
    elif "unusual" in names:
        assert 0 < len(names["unusual"]) < 1797
    else:
        assert names["model"].identity in capsys.readouterr().out
