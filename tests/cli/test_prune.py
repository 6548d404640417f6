"""`aeflow prune`: what it lists, what it removes, and mistakes in its options."""

import json

import pytest

from aeflow.registry.champions import promote, rollback
from aeflow.registry.listing import list_models
from aeflow.storage import Store
from flows.cli import main
from tests.chains import age, problems_in
from tests.cli.test_models import printed_lines
from tests.judged import another, verdict


@pytest.fixture
def store(changed) -> Store:
    """A store with a champion and all its artifacts, the previous one, and two other models."""
    older, before = (another(changed.store, changed.model, name) for name in ("a", "b"))
    changed.store.files.create(f"logs/{older.key}/events", b"123")
    for model in (before, changed.model):
        promote(verdict(changed.store, model), changed.store, model=model)
    another(changed.store, changed.model, "c")
    age(changed.store)
    return changed.store


def call(store: Store, *tokens: str) -> int:
    return main(["prune", *tokens, "--store", store.url])


def test_dry_run_lists_with_sizes_what_a_prune_then_removes(changed, store, capsys):
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    assert call(store, "--keep-last", "1", "--dry-run", "--json") == 0
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    lines, errors = printed_lines(capsys)
    answer = json.loads(lines[-1])
    [model, log] = answer["removed"]
    assert errors == []
    assert lines[:-1] == [
        f"{model['address']:<50}  superseded  {model['size']:>15,} bytes",
        f"{log['address']:<50}  log                       3 bytes",
        f"2 folders, {model['size'] + 3:,} bytes would be removed.",
    ]
    assert call(store, "--keep-last", "1", "--json") == 0
    again, _ = printed_lines(capsys)
    assert again[:2] == lines[:2]
    assert again[2] == f"2 folders, {answer['bytes']:,} bytes removed."
    assert json.loads(again[3]) == {**answer, "dry_run": False}
    assert not store.files.exists(model["address"])
    assert problems_in(store) == []
    assert call(store, "--keep-last", "1") == 0
    assert printed_lines(capsys)[0] == ["Nothing to remove."]
    assert rollback("digits", store).before == changed.model.key


def test_what_is_in_use_is_named(store, capsys):
    older = f"models/{list_models(store)[2].key}"
    store.manifest(older)
    assert call(store, "--keep-last", "1") == 0
    assert printed_lines(capsys)[0] == [
        "Nothing to remove.",
        "These folders are kept, because a run uses them or they were used within the last 60 "
        f"minutes: {older}.",
    ]
    age(store, seconds=660)
    assert call(store, "--keep-last", "1", "--min-age-minutes", "11") == 0
    assert printed_lines(capsys)[0][-1].startswith("2 folders, ")


def test_shorter_age_than_ten_minutes_is_reported_as_ten(store, capsys):
    older = f"models/{list_models(store)[2].key}"
    store.manifest(older)
    age(store, seconds=540)
    assert call(store, "--keep-last", "1", "--min-age-minutes", "5") == 0
    lines, _ = printed_lines(capsys)
    assert lines[0] == (
        "--min-age-minutes is 10 instead of 5, because the use of an artifact is recorded only "
        "once in five minutes."
    )
    assert (
        "These folders are kept, because a run uses them or they were used within the last 10 "
        f"minutes: {older}" in lines[-1]
    )


def test_store_that_is_not_there_has_nothing_to_remove(tmp_path, capsys):
    assert call(Store(tmp_path / "none"), "--keep-last", "1") == 0
    assert printed_lines(capsys)[0] == ["Nothing to remove."]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ([], 'Command "prune" parameter --keep-last requires an argument.'),
        (
            ["--keep-last", "0"],
            "A prune keeps at least 1 model and 1 dataset of each dataset name, not 0. "
            "Give --keep-last 1 or more.",
        ),
        (
            ["--keep-last", "1", "--min-age-minutes", "-1"],
            "The minimum age of a prune is 0 s or more, not -60 s. "
            "Give --min-age-minutes 0 or more.",
        ),
    ],
)
def test_mistake_is_one_line_and_removes_nothing(store, tokens, line, capsys):
    before = sorted(store.root.rglob("*"))
    assert call(store, *tokens) == 2
    assert printed_lines(capsys) == ([], [f"aeflow: {line}"])
    assert sorted(store.root.rglob("*")) == before
