"""A store that an earlier version wrote is usable by this one: see tests/data/README.md."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from aeflow.artifacts import FeatureSet, Model, Verdict
from aeflow.features.contract import footer_of, read_features
from aeflow.registry.champions import champion_of, history_of
from aeflow.registry.features_address import newest_features
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of
from flows.cli import main

ARCHIVE = Path(__file__).parent / "data" / "earlier_store.tar.xz"
FIRST, SECOND, REFUSED = "b248877464994ce0", "347a1e67e603ce37", "bac3bf92c570a528"
"""The keys of the models of pictures; the second is the champion."""
OF_TABLE = "f31f35fc5fdfc1e7"
FEATURES = {FIRST: "a99580d4178d1a56", SECOND: "e7f509ef4511fe56", OF_TABLE: "b48f4e32e69c7527"}
PICTURES, TABLE = "pictures-0259c9e7c5adaec3", "table-98916f61b120f537"
ROWS = {"pictures": 300, "table": 178}


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """The earlier store, in the current folder, with its sources and configs."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "store")


def call(*tokens: str) -> int:
    return main([*tokens, "--store", "store"])


def retrain(capsys, *more: str) -> dict:
    """Retrains pictures as the config says; returns the line of JSON."""
    command = ("retrain", "--direct", "--json", "--config", "pictures.toml", *more)
    assert call(*command) in (0, 3)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def keys(store: Store, folder: str) -> set[str]:
    return {path.name for path in (store.root / folder).iterdir()}


def test_every_answer_is_as_it_was_committed(store):
    answers = [path.parent for path in store.root.glob("*/*/_manifest.json")]
    assert len(answers) == 18
    assert [problem for answer in answers for problem in store.verify(answer.name)] == []


def test_champion_history_and_verdicts_are_read(store):
    champion = champion_of("pictures", store)
    assert champion
    assert champion.key == SECOND
    assert [entry.model for entry in history_of("pictures", store)] == [FIRST, SECOND]
    passed = {
        manifest.artifact["model"]: Verdict.model_validate(manifest.artifact).passed
        for manifest in manifests_of(Verdict, store)
    }
    assert passed == {FIRST: True, SECOND: True, REFUSED: False}


@pytest.mark.parametrize("model", FEATURES)
def test_features_are_read_with_the_identity_of_their_model(model, store):
    features = FeatureSet.model_validate(store.manifest(f"features/{FEATURES[model]}").artifact)
    made_by = Model.model_validate(store.manifest(f"models/{model}").artifact)
    table = read_features(store.locate(features))
    assert table.num_rows == ROWS[made_by.dataset_name]
    assert len(set(table["id"].to_pylist())) == table.num_rows
    assert features.identity == made_by.identity
    files = [*store.locate(features).rglob("*.parquet")]
    assert {footer_of(path).identity for path in files} == {made_by.identity}


def test_the_same_retraining_reuses_data_and_model_and_keeps_the_champion(store, capsys):
    before = {folder: keys(store, folder) for folder in ("datasets", "models")}
    retrain(capsys, "--seed", "1")
    assert {folder: keys(store, folder) for folder in before} == before
    champion = champion_of("pictures", store)
    assert champion
    assert champion.key == SECOND
    assert [entry.model for entry in history_of("pictures", store)] == [FIRST, SECOND]


def test_another_retraining_is_compared_with_the_earlier_champion(store, capsys):
    retrain(capsys, "--seed", "3")
    (new,) = keys(store, "models") - {FIRST, SECOND, REFUSED, OF_TABLE}
    champion, history = champion_of("pictures", store), history_of("pictures", store)
    assert champion
    assert champion.key == new
    assert [entry.model for entry in history] == [FIRST, SECOND, new]
    verdict = store.manifest(f"verdicts/{history[-1].verdict}").artifact
    assert (verdict["model"], verdict["champion"]) == (new, SECOND)
    newest = newest_features("pictures", store)
    assert newest
    assert newest.identity == champion.identity
    assert keys(store, "datasets") == {PICTURES, TABLE}


@pytest.mark.parametrize("name", ["pictures", "table"])
def test_new_rows_are_encoded_by_an_earlier_model(name, store, capsys):
    model, source = {
        "pictures": (SECOND, "npz:new.npz"),
        "table": (OF_TABLE, "csv:new.csv"),
    }[name]
    np.savez("new.npz", x_train=np.load("pictures.npz")["x_train"][:40])
    Path("new.csv").write_text("".join(Path("table.csv").read_text().splitlines(True)[:41]))
    before = keys(store, "features")
    assert call("encode", "--direct", "--model", model, "--source", source) == 0
    (new,) = keys(store, "features") - before
    fresh = read_features(store.root / "features" / new).sort_by("id")
    assert fresh.num_rows == 40
    identity = store.manifest(f"models/{model}").digest
    assert store.manifest(f"features/{new}").artifact["identity"] == identity


def test_what_was_encoded_before_is_not_encoded_again(store):
    before = keys(store, "features")
    command = ("encode", "--direct", "--config", "table.toml", "--model", OF_TABLE)
    assert call(*command) == 0
    assert keys(store, "features") == before


def test_the_first_champion_comes_back(store):
    assert call("rollback", "pictures") == 0
    champion = champion_of("pictures", store)
    assert champion
    assert champion.key == FIRST
    newest = newest_features("pictures", store)
    assert newest
    assert newest.identity == champion.identity
    assert call("promote", SECOND) == 2
    assert call("promote", SECOND, "--again") == 0
    newest = newest_features("pictures", store)
    assert newest
    assert newest.address == f"features/{FEATURES[SECOND]}"


def test_prune_keeps_champions_and_what_they_were_made_from(store, capsys):
    retrain(capsys, "--seed", "3")
    assert call("prune", "--keep-last", "1", "--min-age-minutes", "0") == 0
    assert SECOND in keys(store, "models")
    assert REFUSED not in keys(store, "models")
    assert PICTURES in keys(store, "datasets")
    assert FEATURES[SECOND] in keys(store, "features")
    for key in (SECOND, PICTURES, FEATURES[SECOND]):
        assert store.verify(key) == []
