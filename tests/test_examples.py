"""A new kind of autoencoder is three files: its module, its options, its line in the table."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_code import ROOT

PATCH = Path(__file__).parent / "examples" / "toy_kind.patch"
CHANGED = re.findall(r"^\+\+\+ b/(.+)$", PATCH.read_text("utf-8"), re.MULTILINE)
AEFLOW = "import sys; from flows.cli import main; sys.exit(main())"


def output_of(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def patched(tmp_path_factory) -> Path:
    """A copy of the code with the toy kind in it."""
    copy = tmp_path_factory.mktemp("patched")
    tracked = output_of("git", "ls-files", "aeflow", "flows", "pyproject.toml", cwd=ROOT)
    for name in tracked.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    output_of("git", "apply", PATCH, cwd=copy)
    return copy


def test_the_patch_touches_three_files():
    assert len(CHANGED) == 3


def test_the_toy_kind_has_no_errors_of_types(patched):
    command = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *CHANGED)
    assert output_of(*command, cwd=patched).startswith("0 errors, 0 warnings")


def test_the_toy_kind_is_trained_with_its_option_and_stands_on_the_card(patched):
    (patched / "toy.toml").write_text("[model.kind]\nname = 'halving'\nweight = 0.5\n")
    shape = ("--kind", "halving", "--latent-dim", "4", "--epochs", "1")
    options = ("--direct", "--json", "--config", "toy.toml", *shape)
    ran = output_of(sys.executable, "-c", AEFLOW, "train", *options, cwd=patched)
    paths = {
        name: Path(part["path"])
        for name, part in json.loads(ran.splitlines()[-1]).items()
        if name in ("model", "evaluation")
    }
    config = json.loads((paths["model"] / "config.json").read_bytes())
    assert config["model"]["kind"] == {"name": "halving", "weight": 0.5}
    card = json.loads((paths["evaluation"] / "metrics.json").read_bytes())["card"]
    (row,) = [row for row in card if row["name"] == "half_error"]
    assert row["value"] > 0
    assert row["title"] == "Error from half of the latent"
    assert row["judgement"] == "Decoded from the first half of 4 dimensions."
