"""`aeflow run` and its parts, without Prefect: what they print and what they leave behind."""

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.cli import main

from .conftest import Whole, whole_run

PARTS = ["dataset", "model", "evaluation", "features", "publication"]


def last_json(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_last_line_has_keys_paths_and_metrics(whole: Whole):
    assert list(whole.json) == [*PARTS, "metrics"]
    assert all(Path(whole.json[part]["path"]).is_dir() for part in PARTS)
    assert whole.json["metrics"].keys() >= {"mse", "mse_pca", "psnr", "ssim"}


def test_lines_name_the_paths_and_the_verdict(whole: Whole):
    folder = Path(whole.json["evaluation"]["path"])
    assert [line.split()[0] for line in whole.lines[:6]] == [*PARTS, "report"]
    assert whole.lines[6] == json.loads((folder / "metrics.json").read_text())["verdict"]
    assert Path(whole.lines[5].split()[1]).is_file()


def test_second_run_finds_everything(whole: Whole):
    again = whole_run(whole.store)
    assert again.json == whole.json
    assert [line.endswith("already there") for line in again.lines[:5]] == [True] * 5
    assert not any(line.endswith("already there") for line in whole.lines)


def test_train_on_a_stored_dataset_answers_as_run_does(whole: Whole, capsys):
    key = whole.json["dataset"]["key"]
    options = ["--dataset", key, "--latent-dim", "8", "--epochs", "3", "--direct", "--json"]
    assert main(["train", "--store", whole.store, *options]) == 0
    assert last_json(capsys)["model"] == whole.json["model"]


@pytest.mark.parametrize(
    ("command", "part"),
    [("evaluate", "evaluation"), ("encode", "features"), ("publish", "publication")],
)
def test_command_of_one_stage_answers_as_run_does(command, part, whole: Whole, capsys):
    key = whole.json["model"]["key"][:8]
    options = ["--store", whole.store, "--model", key, "--direct", "--json"]
    assert main([command, *options]) == 0
    assert last_json(capsys)[part] == whole.json[part]


def test_encoding_a_source_puts_every_row_into_one_split(whole: Whole, capsys):
    key = whole.json["model"]["key"]
    options = ["--store", whole.store, "--model", key, "--source", "digits", "--direct", "--json"]
    assert main(["encode", *options]) == 0
    folder = Path(last_json(capsys)["features"]["path"])
    assert [path.name for path in folder.glob("split=*")] == ["split=all"]


def test_without_errors_the_features_are_latents_alone(whole: Whole, capsys):
    options = ["--store", whole.store, "--model", whole.json["model"]["key"], "--no-error"]
    assert main(["encode", *options, "--direct", "--json"]) == 0
    features = pd.read_parquet(last_json(capsys)["features"]["path"])
    assert list(features.columns) == ["id", "label", "latent", "split"]


def test_deadline_fails_in_one_line_and_leaves_a_partial(whole: Whole, capsys):
    options = ["--store", whole.store, "--epochs", "5000", "--deadline", "0.5", "--direct"]
    assert main(["train", "--dataset", whole.json["dataset"]["key"], *options]) == 1
    assert "The deadline of 0.5 s passed during train" in capsys.readouterr().err
    assert len(list(Path(whole.store).glob("models/*.partial"))) == 1


def test_latent_larger_than_the_input_gives_a_warning(whole: Whole, capsys):
    options = ["--store", whole.store, "--latent-dim", "65", "--epochs", "1", "--direct"]
    assert main(["train", *options]) == 0
    assert "aeflow: warning: " in capsys.readouterr().err
