"""Runs what the README and the pages in docs/ tell people to run, and checks their links."""

import contextlib
import io
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from aeflow.configs import PipelineConfig
from aeflow.configs.loading import load_config
from flows.cli import COMMANDS as NAMES
from flows.cli import main
from tests.source_code import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "infra").glob("*.md")),
        ROOT / "benchmarks" / "README.md",
    )
}
TOLD = {name: page for name, page in PAGES.items() if name == "README.md" or "docs/" in name}
BLOCKS = [
    (name, language, block)
    for name, page in TOLD.items()
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
]
LINES = [
    line.partition("  #")[0].strip()
    for _, language, block in BLOCKS
    if not language
    for line in block.splitlines()
]
COMMANDS = list(dict.fromkeys(line for line in LINES if line.startswith("aeflow ")))
ELSEWHERE = {
    "make run": ".ci/run",
    "make test": ".ci/run",
    "make up": "tests/services/running_service.py",
    "export AEFLOW_SOURCE": "tests/services/running_service.py",
    "python -m infra.service status": "tests/services/test_service_life.py",
    "prefect server start": "tests/services/test_readme_server.py",
    "prefect config set": "tests/services/test_readme_server.py",
    "prefect flow-run ls": "tests/services/test_service.py",
    "dask ": "tests/services/test_dask.py",
    "aeflow tensorboard": "tests/services/test_readme_server.py",
    "aeflow run": "the fixture `made`",
    "aeflow rollback my-data": "tests/cli/test_models.py",
    "aeflow status my-data": "tests/cli/test_status.py",
    "aeflow one-class --source digits": "tests/stages/evaluation/test_one_class.py",
    "aeflow encode --model KEY --source npz:new-data.npz --dask": "tests/services/test_dask.py",
}
"""Lines that another test runs, by their beginning; `aeflow run` alone is one of them."""
PYTHON = {block: name for name, language, block in BLOCKS if language == "python"}
TOML = [block for _, language, block in BLOCKS if language == "toml"]


def is_elsewhere(line: str) -> bool:
    return line == "aeflow run" or any(
        line.startswith(start) for start in ELSEWHERE if start != "aeflow run"
    )


@dataclass(frozen=True)
class Made:
    """A folder with a user's data, and what `aeflow run` printed there as JSON."""

    folder: Path
    json: dict


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("docs")
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    np.savez(folder / "my-data.npz", x_train=images[:300], y_train=labels[:300])
    np.savez(folder / "new-data.npz", x_train=images[300:400])
    (folder / "daily").mkdir()
    for day in (1, 2, 3):
        np.savez(folder / "daily" / f"2026-11-0{day}.npz", x_train=images[300 + day : 400])
    write_idx(folder / "my-folder", images[:300], labels[:300])
    write_photos(folder / "my-photos", images[:60], labels[:60])
    write_tables(folder)
    (folder / "my-config.toml").write_text(TOML[0].replace("epochs = 20", "epochs = 2"))
    with contextlib.chdir(folder):
        printed = aeflow("aeflow run")
    return Made(folder, json.loads(printed[-1]))


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


def write_tables(folder: Path) -> None:
    data = load_iris()
    names = ("height", "width", "weight", "length")
    table = pa.table(dict(zip(names, data.data.T, strict=True)))
    pq.write_table(table, folder / "my-table.parquet")
    table = table.append_column("row", pa.array(range(150)))
    pa_csv.write_csv(table.append_column("colour", pa.array(data.target)), folder / "my-table.csv")


def aeflow(command: str) -> list[str]:
    """Runs a command without Prefect, which the tests of the flows have, and returns its lines."""
    without = ("show", "verify", "models", "promote", "prune", "features", "neighbours", "config",
               "info", "status")  # fmt: skip
    options = [] if shlex.split(command)[1] in without else ["--direct", "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*shlex.split(command)[1:], *options]) == 0
    return printed.getvalue().splitlines()


def anchors_of(page: str) -> set[str]:
    """Returns the anchors that a code host gives the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


def links_of(page: str) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 150


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name):
    wrong = []
    for link in links_of(PAGES[name]):
        address, _, anchor = link.partition("#")
        if address.startswith("https://"):
            continue
        target = (ROOT / name).parent.joinpath(address).resolve() if address else ROOT / name
        page = PAGES.get(str(target.relative_to(ROOT)), "") if target.exists() else ""
        if not target.exists() or (anchor and anchor not in anchors_of(page)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in TOLD if name != "README.md"])
def test_every_page_is_linked_from_the_readme(name):
    assert name in links_of(PAGES["README.md"])


def test_pictures_are_pictures():
    pictures = {
        (ROOT / name).parent / link
        for name, page in PAGES.items()
        for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    }
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_every_line_of_every_block_is_run_by_a_test():
    others = [line for line in LINES if line and not line.startswith("aeflow ")]
    commands = [line for line in others if re.match(r"(make|prefect|dask|python|export) ", line)]
    assert [line for line in commands if not is_elsewhere(line)] == []
    tests = [place for place in ELSEWHERE.values() if not place.startswith("the fixture")]
    assert [place for place in tests if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if not is_elsewhere(c) and "s3://" not in c]
)
def test_a_command_does_what_its_page_says(made: Made, command, monkeypatch):
    monkeypatch.chdir(made.folder)
    if "--model KEY" in command and "my-data" not in command:
        printed = aeflow("aeflow train --source npz:my-data.npz --epochs 20")
        key = json.loads(printed[-1])["model"]["key"]
    else:
        key = made.json["model"]["key"]
    assert aeflow(command.replace("KEY", key))


def test_every_command_is_on_a_page():
    assert {shlex.split(command)[1] for command in COMMANDS} == set(NAMES)


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.split()[0])
def test_every_config_is_one(block, tmp_path):
    (tmp_path / "config.toml").write_text(block)
    assert load_config(path=tmp_path / "config.toml") != PipelineConfig()


def test_the_config_of_options_is_read(tmp_path):
    (tmp_path / "config.toml").write_text(TOML[0])
    config = load_config(path=tmp_path / "config.toml")
    assert (config.model.latent_dim, config.model.kind.name, config.train.patience) == (
        16,
        "denoising",
        5,
    )


def test_the_config_for_features_trains(made: Made, monkeypatch):
    monkeypatch.chdir(made.folder)
    Path("features.toml").write_text(TOML[1])
    printed = aeflow("aeflow run --source npz:my-data.npz --epochs 1 --config features.toml")
    options = load_config(path=Path("features.toml")).model.kind.model_dump()
    assert (options["name"], options["noise"]) == ("denoising", "affine")
    assert json.loads(printed[-1])["model"]["key"]


@pytest.mark.parametrize("block", PYTHON)
def test_python_runs(made: Made, block, monkeypatch, capsys):
    monkeypatch.chdir(made.folder)
    names: dict = {}
    exec(block.replace("<key>", made.json["features"]["key"]), names)
    if "strangest" in names:
        assert len(names["strangest"]) == 10
    elif "latents" in names:
        assert np.stack(list(names["latents"])).shape == (1797, 8)
    elif "unusual" in names:
        assert 0 < len(names["unusual"]) < 1797
    else:
        assert names["model"].identity in capsys.readouterr().out
