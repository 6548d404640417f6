"""A new kind takes three files and a new stage six; pyright reports wrong calls of stages."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_code import ROOT

EXAMPLES = Path(__file__).parent / "examples"
MOST_FILES = {"toy_kind.patch": 3, "toy_stage.patch": 6}
AEFLOW = "import sys; from flows.cli import main; sys.exit(main())"
RECIPE = """
from aeflow.artifacts import Dataset, Model
from aeflow.configs import PipelineConfig
from aeflow.stages.training import train
from flows.recipes.runner import Runner


def recipe(config: PipelineConfig, runner: Runner, dataset: Dataset) -> Model:
    return runner.run({call})
"""
RIGHT = "train, dataset, config.train, model_config=config.model"
WRONG = {
    "keyword": "train, dataset, config.train, model=config.model",
    "artifact": "train, runner.run({right}), config.train, model_config=config.model",
    "config": "train, dataset, config.encode, model_config=config.model",
}


def changed_files(patch: str) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.+)$", (EXAMPLES / patch).read_text("utf-8"), re.MULTILINE)


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def output_of(*command: str | Path, cwd: Path) -> str:
    ran = run(*command, cwd=cwd)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def types_of(*files: str, cwd: Path) -> str:
    command = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *files)
    return run(*command, cwd=cwd).stdout


@pytest.fixture(scope="module")
def patched(tmp_path_factory) -> Path:
    """A copy of the code with the toy kind and the toy stage in it."""
    copy = tmp_path_factory.mktemp("patched")
    tracked = output_of("git", "ls-files", "aeflow", "flows", "pyproject.toml", cwd=ROOT)
    for name in tracked.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for patch in MOST_FILES:
        output_of("git", "apply", EXAMPLES / patch, cwd=copy)
    return copy


@pytest.mark.parametrize("patch", MOST_FILES)
def test_an_addition_touches_few_files(patch):
    assert len(changed_files(patch)) <= MOST_FILES[patch]


def test_additions_have_no_type_errors(patched):
    files = {name for patch in MOST_FILES for name in changed_files(patch)}
    assert types_of(*sorted(files), cwd=patched).startswith("0 errors, 0 warnings")


def test_the_toy_stage_is_a_command(patched):
    ran = output_of(sys.executable, "-c", AEFLOW, "count", "--direct", "--json", cwd=patched)
    *_, last_but_one, line = ran.splitlines()
    assert "1,797 rows" in (last_but_one, line)
    (folder,) = (patched / "aeflow-store" / "counts").iterdir()
    manifest = json.loads((folder / "_manifest.json").read_bytes())
    assert manifest["artifact"]["rows"] == 1797


def test_the_toy_kind_is_trained_with_its_option_and_is_on_the_card(patched):
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


def test_a_wrong_keyword_artifact_or_config_is_a_type_error(patched):
    calls = {"right": RIGHT, **WRONG}
    for name, call in calls.items():
        content = RECIPE.format(call=call.format(right=RIGHT))
        (patched / "flows" / f"{name}_call.py").write_text(content)
    output = types_of(*(f"flows/{name}_call.py" for name in calls), cwd=patched)
    errors = [line for line in output.splitlines() if " - error: " in line]
    wrong = {name: [line for line in errors if f"/{name}_call.py" in line] for name in calls}
    assert wrong["right"] == []
    assert 'No parameter named "model"' in "".join(wrong["keyword"])
    assert '"Model" is not assignable to "Dataset"' in output
    assert '"EncodeConfig" is not assignable to "TrainConfig"' in output
    assert wrong["artifact"]
    assert wrong["config"]
