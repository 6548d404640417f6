"""Mistakes on the command line, and what `aeflow --help` costs."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import COMMANDS, EXIT_CODES, main

HEAVY = ("tensorflow", "prefect", "pyarrow", "pydantic", "numpy")


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        (["nonsense"], 'Unknown command "nonsense".'),
        (["run", "--nonsense"], "Unknown option: --nonsense."),
        (["run", "--epochs", "many"], 'Invalid value for --epochs: unable to convert "many"'),
        (["run", "--epochs", "0"], "train.epochs = 0 is not allowed"),
        (["run", "--network", "dens"], "Unknown network 'dens'. Choose one of: dense,"),
        (["run", "--kind", "plane"], "Unknown kind 'plane'. Choose one of: plain,"),
        (["run", "--preset", "slow"], "Unknown preset 'slow'. Choose one of: post, quick."),
        (["run", "--config", "nowhere.toml"], "Cannot read the config file 'nowhere.toml'"),
        (["run", "--network", "convolutional", "--hidden-units", "3"], "hidden_units"),
        (["ingest", "--direct", "--source", "nowhere"], "Unknown source 'nowhere'."),
        (["ingest", "--direct", "--source", "idx:nowhere"], "nowhere"),
        (["train", "--dataset", "abc", "--source", "digits"], "Give --dataset or a source, not"),
        (["train", "--direct", "--dataset", "abc"], "No artifact has the key 'abc'"),
        (["evaluate"], "--model"),
        (["evaluate", "--direct", "--model", "abc"], "No artifact has the key 'abc'"),
        (["encode", "--direct", "--model", "abc"], "No artifact has the key 'abc'"),
        (["publish", "--direct", "--model", "abc"], "No artifact has the key 'abc'"),
        (["encode", "--direct", "--model", "champion:x"], "'x' has no champion in the store"),
        (["promote", "abc"], "No artifact has the key 'abc'"),
        (["rollback", "digits"], "There is nothing to roll back to"),
        (["rollback", "../x"], "The name '../x' cannot be part of an alias"),
        (["show", "abc"], "No artifact has the key 'abc'"),
        (["verify", "abc"], "No artifact has the key 'abc'"),
        (["tensorboard"], "Nothing is published"),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(tokens, line, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AEFLOW_STORE", raising=False)
    assert main(tokens) == 2
    *progress, message = capfd.readouterr().err.strip().splitlines()
    assert message.startswith("aeflow: ")
    assert line in message
    assert all(printed.startswith("ingest: ") for printed in progress)
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_a_file_is_refused(tmp_path: Path, capsys):
    store = tmp_path / "file"
    store.write_text("mine")
    assert main(["run", "--direct", "--store", str(store)]) == 2
    assert f"The store '{store}' is a file." in capsys.readouterr().err


def test_store_is_taken_from_the_environment(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("AEFLOW_STORE", str(tmp_path / "mine"))
    assert main(["show", "abc"]) == 2
    assert str(tmp_path / "mine") in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from flows.cli import main; code = main(['--help']); "
        f"sys.exit(code or [name for name in {HEAVY} if name in sys.modules] or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_command_and_exit_code(capsys):
    main(["--help"])
    printed = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name} " not in printed] == []
    assert [code for code in EXIT_CODES if f"  {code} " not in printed] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys):
    assert main([command, "--help"]) == 0
    assert f"Usage: aeflow {command}" in capsys.readouterr().out


def test_help_of_an_option_is_the_description_of_its_field(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    main(["run", "--help"])
    assert "Passes over the training split. [default: 10]" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_its_whole_docstring(command, capsys):
    name = command.replace("-", "_")
    function = getattr(importlib.import_module(f"flows.cli.{name}"), name)
    assert main([command, "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    expected = " ".join((inspect.getdoc(function) or "").partition("Args:")[0].split())
    assert expected in printed
