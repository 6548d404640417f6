"""`aeflow status`: what a person sees in the morning, and the exit code for a script."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from aeflow.registry.champions import promote
from aeflow.registry.nights import Night, record_night
from aeflow.storage import Store
from flows.cli import main
from tests.judged import verdict


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """No Prefect server, and a terminal of 80 columns in Berlin."""
    monkeypatch.setenv("TERM", "dumb")
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: None}):
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def night(store: Store, outcome: str = "unchanged", name: str = "digits", **fields) -> None:
    """Records a night that ended two hours ago, unless `hours` says otherwise."""
    hours = fields.pop("hours", 2)
    known = {"reason": "So it is.", "seconds": 61.0, "rows": 1_234_567, "new_rows": 12_345}
    known |= {"features": None if outcome == "failed" else "features/x", "refused_rows": 7}
    known |= {"when": datetime.now(UTC) - timedelta(hours=hours), "dataset": name}
    record_night(Night.model_validate(known | fields | {"outcome": outcome}), store)


def call(store: Store, *tokens: str) -> int:
    return main(["status", *tokens, "--store", store.url])


def answer(capsys, store: Store, *tokens: str) -> tuple[int, list[dict]]:
    code = call(store, *tokens, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_empty_store_says_so_and_needs_nobody(store, capsys):
    assert call(store) == 0
    assert capsys.readouterr().out == (
        f"There are no nights in the store {store.url}. `aeflow retrain` makes the first.\n"
    )
    assert answer(capsys, store) == (0, [])
    assert not store.root.exists()


def test_champion_without_a_night_is_a_row_that_needs_nobody(changed, capsys):
    promote(verdict(changed.store, changed.model), changed.store, model=changed.model)
    code, [row] = answer(capsys, changed.store)
    assert (code, row["outcome"], row["champion"]) == (0, None, changed.model.key)
    assert row["todo"] == "Run the first night: aeflow retrain ..."


@pytest.mark.parametrize(
    ("outcome", "fields", "code", "todo"),
    [
        ("promoted", {}, 0, ""),
        ("unchanged", {}, 0, ""),
        ("unchanged", {"fresh": "26h"}, 0, ""),
        ("cancelled", {}, 0, "Run it again: aeflow retrain ..."),
        ("failed", {}, 4, "Read why: aeflow status digits"),
        ("refused", {}, 4, "Read why: aeflow status digits"),
        ("held", {"challenger": "ab"}, 4, "Look at the drift, then: aeflow promote ab"),
        ("unchanged", {"drifted": True}, 4, "Look at the drift: aeflow status digits"),
        ("promoted", {"drifted": True}, 0, ""),
        (
            *("unchanged", {"fresh": "1h"}, 4),
            "See why no night ran, then: aeflow retrain ...",
        ),
    ],
)
def test_exit_code_is_4_if_something_needs_a_person(store, capsys, outcome, fields, code, todo):
    night(store, outcome, **fields)
    assert call(store) == code
    capsys.readouterr()
    given, [row] = answer(capsys, store)
    assert (given, row["needs_person"], row["todo"]) == (code, code == 4, todo)
    assert call(store, "digits") == code


def test_change_of_the_champion_answers_what_the_night_left_open(changed, capsys):
    for outcome in ("refused", "held"):
        night(changed.store, outcome)
    assert answer(capsys, changed.store)[0] == 4
    promote(verdict(changed.store, changed.model), changed.store, model=changed.model)
    assert answer(capsys, changed.store)[0] == 0


def test_features_are_as_old_as_the_last_night_that_made_some(store, capsys):
    night(store, hours=50)
    night(store, "failed", hours=2, fresh="2d")
    _, [row] = answer(capsys, store)
    assert round(row["features_age"]) == 50 * 3600
    assert (row["is_overdue"], row["fresh"]) == (True, "2d")


def test_error_of_the_champion_is_that_of_its_last_night(changed, capsys):
    promote(verdict(changed.store, changed.model), changed.store, model=changed.model)
    key = changed.model.key
    night(changed.store, champion=key, mse=0.01, mse_pca=0.02, hours=9)
    night(changed.store, "failed", champion=key)
    assert answer(capsys, changed.store)[1][0]["mse_ratio"] == 0.5


def test_at_80_columns_numbers_stay_whole_and_names_wrap(changed, capsys, monkeypatch):
    store, name = changed.store, "measurements-of-the-second-plant.2026"
    promote(verdict(store, changed.model), store, model=changed.model)
    key = changed.model.key
    night(store, champion=key, mse=0.3, mse_pca=0.2, fresh="26h", drifted=False)
    night(store, "failed", name, fresh="2d", hours=1)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert call(store) == 4
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    when = (datetime.now(UTC) - timedelta(hours=2)).astimezone()
    digits = next(line for line in lines if line.strip().startswith("digits"))
    assert f"{when:%d %b}" in digits
    assert digits.split()[4] in ("CET", "CEST")
    assert ["2", "h", key[:8], "150", "%", "no"] == digits.split()[-6:]
    assert "next run" not in " ".join(lines[:4])
    table, rest = " ".join(lines).split("The next runs are not known: ")
    assert name not in table
    assert " ".join(rest.split()) == (
        f"PREFECT_API_URL names no Prefect server. {name}: Read why: aeflow status {name}"
    )


def test_nights_of_a_dataset_are_listed_with_their_whole_reasons(store, capsys, monkeypatch):
    for day in range(20):
        night(store, hours=24 * day + 30)
    reason = "There is no file 'x.npz', " + "which has a long reason, " * 5 + "the end."
    night(store, "failed", reason=reason)
    store.files.create("nights/digits/20200101T000000.000000Z-x.json", b"{")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert call(store, "digits") == 4
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.count("1,234,567") == 14
    assert reason in " ".join(printed.split())
    assert "1 damaged line was left out." in printed
    code, nights = answer(capsys, store, "digits")
    assert (code, len(nights), nights[0]["reason"]) == (4, 14, reason)


@pytest.mark.parametrize(
    ("outcome", "fields", "last_line"),
    [
        ("failed", {}, "Correct the cause, then: aeflow retrain ..."),
        (
            *("refused", {"challenger": "ab"}),
            "To promote it all the same, relax the gate in a file: aeflow promote ab --config FILE",
        ),
        ("held", {"challenger": "ab"}, "Look at the drift, then: aeflow promote ab"),
        (
            *("unchanged", {"drifted": True}),
            'To train on these rows: aeflow retrain ..., with train_when = "always"',
        ),
        ("unchanged", {"fresh": "1h"}, "See why no night ran, then: aeflow retrain ..."),
    ],
)
def test_nights_of_a_dataset_end_with_what_to_do(store, capsys, outcome, fields, last_line):
    night(store, outcome, **fields)
    assert call(store, "digits") == 4
    assert capsys.readouterr().out.splitlines()[-1] == last_line


def test_name_without_nights_is_a_mistake(store, capsys):
    assert call(store, "mnist") == 2
    night(store)
    assert call(store, "mnist") == 2
    assert call(store, "../x") == 2
    start = f"aeflow: The dataset 'mnist' has no nights in the store {store.url}. "
    assert capsys.readouterr().err.splitlines()[:2] == [
        f"{start}Run `aeflow retrain` first.",
        f"{start}These datasets are known: digits.",
    ]
