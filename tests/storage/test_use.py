"""The use of an artifact against its removal: either one comes first, whatever fails."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest

from aeflow.artifacts import Dataset, Publication
from aeflow.errors import ConfigError
from aeflow.lineage import Answered, Manifest
from aeflow.registry import retention
from aeflow.registry.retention import carry_out, plan_prune
from aeflow.storage import Draft, Store, use
from aeflow.storage.bucket import objects
from aeflow.storage.removal import remove_artifact
from aeflow.storage.use import CLAIMED, claim, record_use, withdraw_claim
from tests.chains import age, made, problems_in, question_of
from tests.storage.faults import KINDS
from tests.storage.places import Folder, Place, contents, drafts
from tests.storage.questions import everything_in, question, stored
from tests.storage.surviving import after_each_fault, before_each_call, count_survived

OLDER = question_of(Dataset, "older").address
LOCKED = "writing"
"""The operation of a folder under a lock, for which other processes wait."""
DELETION = "delete"
"""The request to a bucket that a process may still make after it was stopped with its lease."""


@pytest.fixture
def two(place, monkeypatch, request) -> Place:
    """Two datasets of one name. A prune removes the older one, and each use is recorded."""
    monkeypatch.setattr(use, "RECORD_SECONDS", getattr(request, "param", 0.0))
    monkeypatch.setattr(retention, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(objects, "REMOVAL_SECONDS", 0.3)
    for word in ("older", "newer"):
        made(place.store(), Dataset, word)
    time.sleep(0.02)  # the clock that sets file times may be behind by that much
    return place


def prune(store: Store) -> None:
    list(carry_out(plan_prune(store, keep_last=1, min_age_seconds=0), store))


def make_again(store: Store) -> None:
    made(store, Dataset, "older")


def read(store: Store) -> Manifest | None:
    """Reads the older dataset as a stage does. Returns None if it is absent."""
    time.sleep(0.02)
    with suppress(ConfigError):
        return store.manifest(OLDER)
    return None


def remains_of(place: Place) -> list[str]:
    """Lists the files of the older dataset and of its removal."""
    key = OLDER.rpartition("/")[2]
    return [name for name in contents(place.files()) if key in name]


def assert_there_or_gone(place: Place, *, there: bool, when: str) -> None:
    assert problems_in(place.store()) == [], when
    assert (place.store().find(OLDER) is not None) is there, when
    assert there or remains_of(place) == [], when


@pytest.mark.parametrize("kind", KINDS)
def test_a_prune_survives_a_fault_at_any_call(two, kind):
    assert count_survived(prune, two, kind) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_use_survives_a_fault_at_any_call(two, kind):
    assert count_survived(lambda store: store.manifest(OLDER), two, kind) >= 5


@pytest.mark.parametrize("kind", ["partial", "crash"])
def test_what_a_prune_left_that_failed_is_made_anew(two, kind):
    for place, when in after_each_fault(prune, two, kind):
        make_again(place.store())
        assert_there_or_gone(place, there=True, when=when)
        assert drafts(place) == [], when


@pytest.mark.parametrize("kind", ["partial", "crash"])
def test_a_new_commit_over_a_claim_survives_a_fault_at_any_call(two, kind):
    assert claim(two.files(), OLDER, unused_since=time.time())
    assert count_survived(make_again, two, kind) > 10


def test_an_artifact_that_is_used_at_any_call_of_a_prune_stays_or_is_absent(two):
    def use_it(place: Place) -> None:
        manifests.append(read(place.store()))

    manifests = []
    for place, when in before_each_call(prune, two, use_it, LOCKED):
        assert_there_or_gone(place, there=manifests[-1] is not None, when=when)
    assert {manifest is None for manifest in manifests} == {True, False}


def test_an_artifact_that_is_removed_at_any_call_of_a_use_stays_or_is_absent(two):
    def use_it(store: Store) -> None:
        start_times.append(time.time())
        manifests.append(read(store))

    def remove(place: Place) -> None:
        remove_artifact(place.files(), OLDER, unused_since=start_times[-1])

    start_times, manifests = [], []
    for place, when in before_each_call(use_it, two, remove, LOCKED):
        assert (place.store().find(OLDER) is not None) is (manifests[-1] is not None), when
        assert manifests[-1] or [n for n in remains_of(place) if not n.endswith("/_used")] == [], (
            when
        )
        make_again(place.store())
        assert_there_or_gone(place, there=True, when=when)
    assert {manifest is None for manifest in manifests} == {True, False}


def test_two_prunes_at_once_remove_an_artifact_once(two):
    for place, when in before_each_call(prune, two, lambda place: prune(place.store()), LOCKED):
        assert_there_or_gone(place, there=False, when=when)


@pytest.mark.parametrize("two", [0.0, 300.0], indirect=True, ids=["used", "never used"])
def test_a_prune_that_lost_its_lease_leaves_a_new_answer_alone(two):
    def remove_and_make_again(place: Place) -> None:
        place.lapse_leases()
        prune(place.store())
        place.lapse_leases()
        time.sleep(0.02)
        make_again(place.store())
        new_manifests.append(place.store().find(OLDER))

    new_manifests, leaving_out = [], LOCKED if isinstance(two, Folder) else DELETION
    for place, when in before_each_call(prune, two, remove_and_make_again, leaving_out):
        assert_there_or_gone(place, there=True, when=when)
        assert place.store().find(OLDER) == new_manifests[-1], when
    assert len(new_manifests) > 20


def test_use_is_recorded_once_in_a_while_and_the_manifest_stays_as_it_is(place, monkeypatch):
    store, answer = place.store(), stored(place.store())
    before = contents(place.files())
    store.reading(answer, ["a.txt"])
    assert contents(place.files()) == before  # the commit was a moment ago
    with monkeypatch.context() as at_once:
        at_once.setattr(use, "RECORD_SECONDS", 0.0)
        store.reading(answer, ["a.txt"])
    once = contents(place.files())
    assert once.pop(f"{answer.address}/_used").startswith(b"used ")
    assert once == before
    once = contents(place.files())
    store.reading(answer, ["a.txt"])
    assert contents(place.files()) == once


def test_use_after_five_minutes_is_recorded_again(tmp_path):
    store, answer = Store(tmp_path), stored(Store(tmp_path))
    uses = []
    for seconds in (290, 310, 290, 310):
        age(store, seconds)
        store.manifest(answer.address)
        uses.append((tmp_path / answer.address / "_used").exists() and recorded_use(store, answer))
    assert uses[0] is False
    assert uses[1] == uses[2] != uses[3]


def recorded_use(store: Store, answer: Publication) -> bytes:
    return store.files.read(f"{answer.address}/_used")


def test_use_makes_a_claim_fail_and_a_claim_makes_a_use_fail(place, monkeypatch):
    monkeypatch.setattr(use, "RECORD_SECONDS", 0.0)
    files, address = place.files(), stored(place.store()).address
    since = time.time()
    time.sleep(0.02)
    assert record_use(files, address)
    assert not claim(files, address, unused_since=since)
    assert claim(files, address, unused_since=time.time() + 1)
    assert claim(files, address, unused_since=0.0)  # it is claimed already
    assert not record_use(files, address)
    assert files.read(f"{address}/_used") == CLAIMED
    withdraw_claim(files, address)
    assert record_use(files, address)


def test_claimed_artifact_is_absent_and_made_anew(place):
    store, answer = place.store(), stored(place.store())
    assert claim(place.files(), answer.address, unused_since=time.time() + 1)
    assert store.find(answer.address) is None
    with pytest.raises(ConfigError, match=f"There is no artifact '{answer.address}'"):
        store.reading(answer, ["a.txt"])
    assert stored(store) == answer
    assert store.verify(answer.key) == []
    assert f"{answer.address}/_used" not in contents(place.files())


def test_claimed_artifact_is_removed_by_the_next_prune_at_once(place):
    store = place.store()
    older = made(store, Dataset, "older")
    assert claim(place.files(), older.address, unused_since=time.time() + 1)
    plan = plan_prune(store, keep_last=1)
    assert [(item.address, item.why) for item in plan.items] == [(older.address, "left over")]
    assert list(carry_out(plan, store)) == list(plan.items)
    assert contents(place.files()) == {}


def test_absent_artifact_has_no_use(place):
    assert not record_use(place.files(), question().address)
    assert contents(place.files()) == {}


def test_use_of_a_version_that_renewed_the_manifest_counts(place):
    store, answer = place.store(), stored(place.store())
    name = f"{answer.address}/_manifest.json"
    content = store.files.read(name)
    since = time.time()
    time.sleep(0.02)
    store.files.replace(name, content, content + b" \t" * 12)
    assert not claim(store.files, answer.address, unused_since=since)
    assert store.verify(answer.key) == []
    assert stored(store) == answer


def test_use_is_no_file_of_the_artifact_and_not_in_the_way(tmp_path, monkeypatch):
    def work(draft: Draft) -> Answered:
        with draft.writing("split=train/a.parquet") as path:
            pd.DataFrame({"x": [1, 2]}).to_parquet(path)
        return Answered({})

    monkeypatch.setattr(use, "RECORD_SECONDS", 0.0)
    store = Store(tmp_path)
    answer = store.answer(question(), Publication, work)
    folder = store.reading(answer, ["split=train/a.parquet"])
    assert "_used" in everything_in(folder)
    assert [entry.name for entry in store.manifest(answer.address).files] == [
        "split=train/a.parquet"
    ]
    assert store.verify(answer.key) == []
    assert pd.read_parquet(folder)["x"].tolist() == [1, 2]


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Makes a folder read-only; root may write anywhere, so the process becomes another user."""
    root.chmod(0o755)
    paths = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    for path in paths:
        path.chmod(0o555)
    user = os.geteuid()
    try:
        os.seteuid(user or 65_534)
        yield
    finally:
        os.seteuid(user)
        for path in paths:
            path.chmod(0o755)


@pytest.mark.parametrize("was_used", [False, True])
def test_store_that_one_may_only_read_is_read(was_used):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        answer = stored(store)
        age(store)
        if was_used:
            store.manifest(answer.address)
            age(store)
        before = contents(store.files)
        with read_only(Path(folder)):
            with pytest.raises(PermissionError):
                store.files.create("new", b"")
            assert store.reading(answer, ["a.txt"]) == store.locate(answer)
            assert stored(store) == answer
        assert contents(store.files) == before
