"""Retention: what an alias, a newer model or a run keeps, and what a kill leaves behind."""

import shutil
import threading
import time
from dataclasses import dataclass, replace
from functools import partial

import pytest

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.registry.champions import champion_of, rollback
from aeflow.registry.features_address import point_features
from aeflow.registry.retention import carry_out, plan_prune
from aeflow.storage import Store
from aeflow.storage.disk.files import LocalFiles
from aeflow.storage.leases import Lease
from tests.chains import addresses_in, age, chain, crown, made, model_in, problems_in


@dataclass(frozen=True)
class Stored:
    """A store, and the addresses of the links of each chain in it."""

    store: Store
    a: dict[str, str]
    b: dict[str, str]
    c: dict[str, str]
    d: dict[str, str]


def planned(store: Store, keep_last: int = 1) -> list[str]:
    return [item.address for item in plan_prune(store, keep_last=keep_last).items]


def pruned(store: Store, keep_last: int = 1) -> list[str]:
    """Prunes a store in which nothing was used for a day."""
    age(store)
    removed = carry_out(plan_prune(store, keep_last=keep_last), store)
    return [item.address for item in removed]


def snapshot(store: Store) -> dict:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in store.root.rglob("*")
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Stored:
    """Four chains, each newer than the one before."""
    store = Store(tmp_path_factory.mktemp("chains"))
    return Stored(store, *(chain(store, word) for word in "abcd"))


@pytest.fixture
def four(stored, tmp_path) -> Stored:
    """The four chains, unused for a day, in a store that the test may change."""
    store = Store(shutil.copytree(stored.store.root, tmp_path / "store"))
    age(store)
    return replace(stored, store=store)


def test_newest_models_stay_with_all_that_was_made_of_them(four):
    removed = pruned(four.store, 3)
    assert sorted(removed) == sorted(four.a.values())
    assert addresses_in(four.store) == {*four.b.values(), *four.c.values(), *four.d.values()}
    assert problems_in(four.store) == []


def test_what_is_derived_goes_before_what_it_was_made_from(four):
    order = [address.partition("/")[0] for address in pruned(four.store, 3)]
    assert (order[0], order[3:]) == ("publications", ["models", "datasets", "logs"])


def test_older_model_of_a_dataset_that_stays_goes_alone(store):
    dataset = made(store, Dataset, "a")
    models = [made(store, Model, word, dataset=dataset) for word in "abc"]
    assert sorted(pruned(store)) == sorted((models[0].address, models[1].address))
    assert addresses_in(store) == {dataset.address, models[2].address}


def test_champion_and_those_before_it_stay_and_a_rollback_finds_them(four):
    store = four.store
    for links in (four.a, four.b):
        crown(store, links)
    verdicts = {f"verdicts/{name}" for name in store.files.folders("verdicts")}
    pruned(store)
    assert addresses_in(store) == {
        *four.a.values(),
        *four.b.values(),
        *four.d.values(),
        *verdicts,
    }
    assert rollback("digits", store).model == model_in(store, four.a).key
    assert champion_of("digits", store) == model_in(store, four.a)
    assert problems_in(store) == []


def test_promotion_that_was_taken_back_is_let_go(four):
    for links in (four.a, four.b):
        crown(four.store, links)
    rollback("digits", four.store)
    assert four.b["model"] in pruned(four.store)
    assert {four.a["model"], four.d["model"]} <= addresses_in(four.store)


def test_features_of_the_stable_address_and_those_before_stay_with_their_lineage(four):
    for links in (four.c, four.b, four.a):
        manifest = four.store.manifest(links["features"])
        features = FeatureSet.model_validate(manifest.artifact)
        point_features(features, four.store, dataset_name="digits")
    assert four.c["features"] in pruned(four.store)
    assert {*four.a.values(), *four.b.values()} <= addresses_in(four.store)


def test_what_a_live_run_builds_on_is_spared(four):
    name = "evaluations/0123456789abcdef.lease"
    lease = Lease(four.store.files, name, [four.a["model"]])
    lease.acquire()
    assert sorted(planned(four.store, 3)) == []
    lease.release()
    assert sorted(planned(four.store, 3)) == sorted(four.a.values())


def test_what_was_found_a_moment_ago_is_spared_with_its_lineage(four):
    a = four.a
    four.store.manifest(a["model"])
    plan = plan_prune(four.store, keep_last=3)
    assert sorted(item.address for item in plan.items) == sorted(
        a[part] for part in ("publication", "features", "evaluation")
    )
    assert plan.in_use == (a["dataset"], a["model"])


def test_what_is_found_after_the_plan_stays_with_its_lineage(four):
    a, plan = four.a, plan_prune(four.store, keep_last=3, min_age_seconds=0)
    four.store.manifest(a["model"])
    assert len(list(carry_out(plan, four.store))) == len(plan.items) - 3
    assert {a["model"], a["dataset"], a["log"]} <= addresses_in(four.store)


def test_artifact_that_is_needed_while_it_is_removed_is_made_again(tmp_path):
    removal_started = threading.Event()

    class Slow(LocalFiles):
        def delete(self, name):
            removal_started.set()
            time.sleep(0.5)
            super().delete(name)

    store = Store(tmp_path)
    dataset, _ = (made(store, Dataset, word) for word in "ab")
    age(store)
    slow = Store(tmp_path, files=Slow)
    thread = threading.Thread(target=lambda: list(carry_out(plan_prune(slow, keep_last=1), slow)))
    thread.start()
    assert removal_started.wait(60)
    assert store.find(dataset.address) is None
    new_dataset = made(store, Dataset, "a")
    thread.join()
    assert new_dataset == dataset
    assert store.verify(new_dataset.key) == []


def test_a_draft_is_removed_if_no_process_holds_it_and_it_is_old(store):
    for key in ("0" * 16, "1" * 16, "2" * 16):
        store.files.create(f"models/{key}.partial/checkpoint", b"12345")
        store.files.create(f"logs/{key}/events", b"1")
    lease = Lease(store.files, f"models/{'0' * 16}.lease")
    lease.acquire()
    age(store)
    (store.root / f"models/{'0' * 16}.lease").touch()
    (store.root / f"models/{'1' * 16}.partial/checkpoint").touch()
    plan = plan_prune(store, keep_last=1)
    assert [item.address for item in carry_out(plan, store)] == [
        f"models/{'2' * 16}.partial",
        f"logs/{'2' * 16}",
    ]
    assert plan.in_use == (f"models/{'0' * 16}.partial", f"models/{'1' * 16}.partial")
    assert plan.items[0].size == 5
    lease.release()


def test_draft_that_is_resumed_after_the_plan_stays(store):
    store.files.create(f"models/{'0' * 16}.partial/checkpoint", b"")
    age(store)
    plan = plan_prune(store, keep_last=1)
    lease = Lease(store.files, f"models/{'0' * 16}.lease")
    assert lease.acquire()
    assert list(carry_out(plan, store)) == []
    lease.release()
    assert store.files.exists(f"models/{'0' * 16}.partial/checkpoint")


def test_plan_changes_no_byte(four):
    before = snapshot(four.store)
    assert len(planned(four.store)) == 18
    assert snapshot(four.store) == before


class Killed(BaseException):
    """Stands for kill -9, which nothing catches."""


class Dying(LocalFiles):
    """Files that die after so many more removals, in the middle of a folder."""

    def __init__(self, root, removals: int):
        super().__init__(root)
        self.removals = removals

    def delete(self, name):
        files = [path for path in self.path(name).rglob("*") if path.is_file()]
        for path in sorted(files, reverse=True):  # `_manifest.json` comes last
            self._die_or_go_on()
            path.unlink()
        super().delete(name)

    def replace(self, name, old, new):
        self._die_or_go_on()
        return super().replace(name, old, new)

    def rename_folder(self, old, new):
        self._die_or_go_on()
        return super().rename_folder(old, new)

    def _die_or_go_on(self):
        if self.removals == 0:
            raise Killed
        self.removals -= 1


@pytest.mark.parametrize("removals", range(30))  # each number of removals before the kill
def test_kill_at_any_moment_leaves_a_sound_store_and_the_rest_for_the_next_prune(four, removals):
    store, kept_addresses = four.store, {*four.b.values(), *four.c.values(), *four.d.values()}
    draft = store.root / f"models/{'0' * 16}.partial"
    shutil.copytree(store.root / four.a["model"], draft)  # killed just before its commit
    age(store)
    dying = Store(store.url, files=partial(Dying, removals=removals))
    plan = plan_prune(dying, keep_last=3)
    with pytest.raises(Killed):
        list(carry_out(plan, dying))
    assert problems_in(store) == []
    assert len([path for path in draft.rglob("*") if path.is_file()]) in (0, 3)
    assert kept_addresses <= addresses_in(store)
    pruned(store, 3)
    assert addresses_in(store) == kept_addresses


def test_what_a_kill_left_of_an_artifact_is_completed_by_the_next_run(four):
    store = Store(four.store.url, files=partial(Dying, removals=1))
    with pytest.raises(Killed):
        list(carry_out(plan_prune(store, keep_last=3), store))
    assert list((four.store.root / four.a["publication"]).rglob("*.txt"))
    assert chain(four.store, "a") == four.a
    assert problems_in(four.store) == []


@pytest.mark.parametrize(("seconds", "stays"), [(590, True), (610, False)])
def test_what_was_used_within_ten_minutes_stays_whatever_age_is_given(four, seconds, stays):
    four.store.manifest(four.a["model"])
    age(four.store, seconds)
    plan = plan_prune(four.store, keep_last=3, min_age_seconds=0)
    assert plan.min_age_seconds == 600
    assert (four.a["model"] in plan.in_use) is stays


def test_other_folders_in_a_store_are_left_alone(store):
    for name in ("models/notes/a.txt", "datasets/raw-2024/a.txt", "logs/mine/a.txt", "x/y/a.txt"):
        store.files.create(name, b"")
    assert pruned(store) == []


def test_unreadable_manifest_stops_a_prune_before_it_removes_anything(four):
    damaged = four.a["evaluation"]
    (four.store.root / damaged / "_manifest.json").write_text("{}")
    before = addresses_in(four.store)
    with pytest.raises(CorruptArtifact, match=f"The manifest of '{damaged}' cannot be read"):
        pruned(four.store)
    assert addresses_in(four.store) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_last": 0}, "at least 1 model and 1 dataset of each dataset name, not 0."),
        ({"keep_last": 1, "min_age_seconds": -60}, "age of a prune is 0 s or more, not -60 s."),
        ({"keep_last": 1, "min_age_seconds": float("nan")}, "is 0 s or more, not nan s."),
    ],
)
def test_number_that_makes_no_sense_is_refused(store, options, message):
    with pytest.raises(ConfigError, match=message):
        plan_prune(store, **options)
