"""Nights: each run leaves a line of its own, on a folder and on a bucket."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from aeflow.errors import ConfigError
from aeflow.registry.champions import rollback
from aeflow.registry.nights import (
    Night,
    fixed_rows,
    names_with_nights,
    newest_nights,
    nights_of,
    record_night,
)
from aeflow.registry.retention import carry_out, plan_prune
from aeflow.storage import Store
from tests.chains import addresses_in, age, chain, crown, problems_in
from tests.storage.conftest import place  # noqa: F401

WHEN = datetime(2026, 11, 28, 2, 15, tzinfo=UTC)


def night(day: int = 0, name: str = "digits", **fields) -> Night:
    known = {"outcome": "unchanged", "reason": "Nothing is due.", "seconds": 1.5, **fields}
    return Night(dataset=name, when=WHEN + timedelta(days=day), **known)


@pytest.fixture
def store(place) -> Store:  # noqa: F811
    return place.store()


def test_store_without_nights_has_none(store):
    assert (names_with_nights(store), nights_of("digits", store)) == ([], ([], 0))
    assert fixed_rows("digits", store) is None


def test_night_is_one_file_that_is_named_by_time_and_run(store):
    record_night(night(run="4b2f", mse=0.5, mse_pca=0.25), store)
    assert store.files.file_names("nights/digits") == ["20261128T021500.000000Z-4b2f.json"]
    content = json.loads(store.files.read("nights/digits/20261128T021500.000000Z-4b2f.json"))
    assert content["when"] == "2026-11-28T02:15:00Z"
    assert (content["outcome"], content["mse"]) == ("unchanged", 0.5)
    assert nights_of("digits", store).nights[0].mse_ratio == 2.0


def test_nights_are_read_oldest_first_and_by_dataset(store):
    for day in (1, 0, 2):
        record_night(night(day), store)
    record_night(night(name="other"), store)
    assert names_with_nights(store) == ["digits", "other"]
    whens = [one.when.day for one in nights_of("digits", store).nights]
    assert whens == [28, 29, 30]
    assert next(newest_nights("digits", store)).when.day == 30


def test_run_that_was_started_again_has_a_line_for_each_start(store):
    for day in (0, 1):
        record_night(night(day, run="same"), store)
    assert [one.run for one in nights_of("digits", store).nights] == ["same", "same"]


def test_writers_at_the_same_time_lose_no_line(store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: record_night(night(), store), range(20)))
        list(pool.map(lambda run: record_night(night(run=run), store), "abcdefgh"))
    assert len(nights_of("digits", store).nights) == 28


@pytest.mark.parametrize("content", [b"", b"{", b'{"dataset": "digits"}', b"\xff"])
def test_damaged_line_is_left_out_and_counted(store, content):
    record_night(night(1), store)
    store.files.create("nights/digits/20261127T000000.000000Z-x.json", content)
    store.files.create("nights/digits/notes.txt", b"of a person")
    assert nights_of("digits", store) == ([night(1)], 1)


def test_line_of_a_later_version_with_more_fields_is_read(store):
    content = night().model_dump(mode="json") | {"moon": "full"}
    store.files.create("nights/digits/20261128T021500.000000Z-x.json", json.dumps(content).encode())
    assert nights_of("digits", store) == ([night()], 0)


def test_error_that_is_not_finite_is_unknown(store):
    record_night(night(mse=float("nan"), mse_pca=0.1), store)
    assert nights_of("digits", store).nights[0].mse is None


def test_name_that_leads_out_of_the_store_is_refused(store):
    with pytest.raises(ConfigError, match="leads out"):
        nights_of("../digits", store)


def test_prune_keeps_the_nights_and_the_fixed_rows(tmp_path):
    """The first champion was rolled back here, so that no rollback can return to it."""
    store = Store(tmp_path / "store")
    first, second, third = (chain(store, word) for word in "abc")
    for links in (first, second, first):
        crown(store, links)
    rollback("digits", store)
    record_night(night(), store)
    age(store)
    removed = list(carry_out(plan_prune(store, keep_last=1), store))
    assert first["evaluation"] not in [item.address for item in removed]
    rows = fixed_rows("digits", store)
    assert rows is not None
    assert rows.address == first["dataset"]
    assert nights_of("digits", store).nights == [night()]
    assert third["model"] in addresses_in(store)
    assert problems_in(store) == []
