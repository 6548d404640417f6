"""Operations of a local folder alone; `test_verbs.py` tests those that a bucket shares."""

import os

import pytest

from aeflow.errors import ConfigError
from aeflow.storage.disk.files import LocalFiles, contained, sha256_of
from tests.storage.questions import everything_in


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "a\\b", "a\0b"]
)
def test_name_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ConfigError) as caught:
        contained(tmp_path, name)
    assert str(caught.value) == (
        f"The name {name!r} leads out of its folder. Give a relative name without '..'."
    )


@pytest.mark.parametrize("name", ["a", "a/b", "a..b", ".hidden", "split=train/00000-ab.parquet"])
def test_name_within_the_folder_is_taken(tmp_path, name):
    assert contained(tmp_path, name) == tmp_path / name


def test_folder_is_renamed_once(files, tmp_path):
    files.create("one/a", b"1")
    files.create("two/a", b"2")
    assert files.rename_folder("one", "new")
    assert not files.rename_folder("two", "new")
    assert not files.rename_folder("gone", "new")
    assert everything_in(tmp_path) == ["new", "new/a", "two", "two/a"]
    assert files.read("new/a") == b"1"


def test_failed_rename_is_not_taken_for_another_ones_commit(files):
    with pytest.raises(FileNotFoundError):
        files.rename_folder("gone", "new")


def test_size_and_last_change_are_those_of_all_that_a_folder_holds(files, tmp_path):
    for name in ("s/a", "s/b/c"):
        files.create(name, b"12")
    for name, then in {"s": 10, "s/a": 30, "s/b": 20, "s/b/c": 40}.items():
        os.utime(tmp_path / name, (then, then))
    assert (files.size("s"), files.last_change("s")) == (4, 40)
    assert (files.size("s/a"), files.last_change("s/a")) == (2, 30)
    assert (files.size("missing"), files.last_change("missing")) == (0, 0)


def test_sha256_is_that_of_the_bytes(files, tmp_path):
    files.create("a", b"abc")
    assert sha256_of(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
