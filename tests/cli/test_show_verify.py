"""`aeflow show` and `aeflow verify`."""

import shutil
from pathlib import Path

import pytest
from rich.tree import Tree

from flows.cli import main
from flows.cli.listing import print_uncut

from .conftest import Whole


@pytest.mark.parametrize("part", ["dataset", "model", "evaluation", "features", "publication"])
def test_lineage_goes_down_to_the_source(part: str, whole: Whole, capsys):
    assert main(["show", whole.json[part]["key"], "--store", whole.store]) == 0
    printed = capsys.readouterr().out
    assert whole.json[part]["key"] in printed.splitlines()[0]
    assert whole.json["dataset"]["key"] in printed
    assert "from digits" in printed


@pytest.mark.parametrize("part", ["dataset", "model", "features"])
def test_whole_artifact_is_verified(part: str, whole: Whole, capsys):
    assert main(["verify", whole.json[part]["key"], "--store", whole.store]) == 0
    printed = capsys.readouterr().out
    assert " files as committed" in printed
    assert ("golden vectors reproduced" in printed) == (part == "model")


def test_damaged_artifact_is_reported(whole: Whole, tmp_path: Path, capsys):
    store = shutil.copytree(whole.store, tmp_path / "store")
    weights = store / "models" / whole.json["model"]["key"] / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert main(["verify", whole.json["model"]["key"], "--store", str(store)]) == 1
    assert "its SHA-256 differs" in capsys.readouterr().err


def test_long_reason_is_wrapped_not_cut_off(capsys):
    tree = Tree("verdict")
    tree.add(" ".join(f"word{i}" for i in range(100)))
    print_uncut(tree)
    assert capsys.readouterr().out.split()[-100:] == [f"word{i}" for i in range(100)]
