"""How a store is recognised, as a local folder and in an object store."""

from pathlib import Path

import pytest

from aeflow.storage import Draft, Share, Store
from aeflow.storage.layout import (
    TOP_FOLDERS,
    is_part_of_remote_store,
    is_part_of_store,
    is_store,
    own_folders,
    store_of,
    stores_among,
)
from aeflow.storage.leases import Lease
from tests.storage.questions import question, stored

KEY = "0123456789abcdef"


def folder_with(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


SHOWS_A_STORE = [
    f"datasets/mnist-{KEY}/_manifest.json",
    f"models/{KEY}/_manifest.json",
    f"features/{KEY}.partial/_work/0.parquet",
    f"datasets/a-b-{KEY}.partial/x",
    f"evaluations/{KEY}.lease",
]
SHOWS_NONE = [
    "models/0.png",
    f"models/{KEY}/0.png",
    f"models/{KEY}.png",
    f"pictures/{KEY}/_manifest.json",
    "features/cat/_manifest.json",
    f"features/{KEY[:-1]}/_manifest.json",
    f"x/y/features/deep/{KEY}/_manifest.json",
    f"features/{KEY}.partial",
    f"aliases/mnist/{KEY}.json",
    f"logs/{KEY}/events.out.tfevents.1",
]


@pytest.mark.parametrize("name", SHOWS_A_STORE)
def test_one_piece_of_work_shows_a_store(name, tmp_path):
    assert is_store(folder_with(tmp_path, name))
    assert stores_among([name, "other/0.png"]) == {""}
    assert stores_among([f"a/b/{name}"]) == {"a/b"}


@pytest.mark.parametrize("name", SHOWS_NONE)
def test_names_alone_show_no_store(name, tmp_path):
    assert not is_store(folder_with(tmp_path, name))
    assert stores_among([name]) == set()


def test_a_store_is_known_from_its_lease_to_its_answer(tmp_path):
    store = Store(tmp_path)
    lease = Lease(store.files, f"{question().address}.lease")
    states = [is_store(tmp_path)]
    assert lease.acquire()
    states.append(is_store(tmp_path))
    lease.release()
    states.append(is_store(tmp_path))
    Draft(store.files, Share(address=question().address, lease=lease.name, holder=""))
    states.append(is_store(tmp_path))
    stored(store)
    states.append(is_store(tmp_path))
    assert states == [False, True, False, True, True]


def test_only_its_top_folders_belong_to_a_store(tmp_path):
    names = ["models", "logs", "pictures"]
    assert own_folders(tmp_path, names) == set()
    stored(Store(tmp_path))
    assert own_folders(tmp_path, names) == {"models", "logs"}
    assert own_folders(tmp_path, ["pictures"]) == set()


def test_a_file_of_an_object_store_belongs_to_the_store_that_it_lies_in():
    assert store_of(f"a/features/{KEY}/0.parquet", {"a"}) == "a"
    assert store_of("models/0.png", {""}) == ""
    assert store_of("a/pictures/0.png", {"a"}) is None
    assert store_of("b/features/0.png", {"a"}) is None
    assert store_of("a/models", {"a"}) is None


@pytest.mark.parametrize(
    ("name", "is_part"),
    [
        ("publications", True),
        ("logs", True),
        (f"features/{KEY}.partial", True),
        (".", False),
        ("pictures", False),
        (f"publications/{question().key}", False),
        (f"publications/{question().key}/sub", False),
    ],
)
def test_top_folders_and_drafts_are_parts_of_a_store_and_single_answers_are_not(
    name, is_part, tmp_path
):
    stored(Store(tmp_path))
    (tmp_path / name).mkdir(parents=True, exist_ok=True)
    assert is_part_of_store(tmp_path / name) is is_part


def test_parts_of_a_store_are_known_by_the_files_below_their_address():
    assert is_part_of_remote_store("s3://b/features", [f"{KEY}/_manifest.json"])
    assert is_part_of_remote_store(f"s3://b/features/{KEY}.partial", ["0.parquet"])
    assert not is_part_of_remote_store("s3://b/features", ["cat/0.png"])
    assert not is_part_of_remote_store(f"s3://b/features/{KEY}", ["_manifest.json"])
    assert not is_part_of_remote_store("s3://b/store", [f"features/{KEY}/_manifest.json"])


def test_top_folders_are_those_of_answers_aliases_logs_nights_and_studies():
    assert {
        *("datasets", "models", "evaluations", "features", "publications"),
        *("drifts", "compatibilities", "verdicts", "aliases", "logs"),
        *("nights", "studies"),
    } == TOP_FOLDERS
