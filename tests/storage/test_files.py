"""The verbs on bytes: whole or not at all, and never outside the folder."""

import os
import threading
import time

import pytest

from aeflow.errors import ConfigError
from aeflow.storage.files import LocalFiles, contained, sha256_of
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
        f"The name {name!r} leads out of its folder; names are relative, without '..'."
    )


@pytest.mark.parametrize("name", ["a", "a/b", "a..b", ".hidden", "split=train/00000-ab.parquet"])
def test_name_within_the_folder_is_taken(tmp_path, name):
    assert contained(tmp_path, name) == tmp_path / name


def test_created_file_is_never_replaced(files, tmp_path):
    assert files.create("a/b", b"first")
    assert not files.create("a/b", b"second")
    assert files.read("a/b") == b"first"
    assert everything_in(tmp_path) == ["a", "a/b"]


def test_file_is_replaced_only_while_it_holds_the_old_content(files, tmp_path):
    files.create("a", b"old")
    assert not files.replace("a", b"other", b"new")
    assert files.replace("a", b"old", b"new")
    assert not files.replace("a", b"old", b"newer")
    assert files.read("a") == b"new"
    assert files.replace("a", b"new", None)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("name", ["missing", "missing/too", "file/below"])
def test_missing_file_is_not_replaced(files, tmp_path, name):
    (tmp_path / "file").touch()
    assert not files.replace(name, b"old", b"new")
    assert everything_in(tmp_path) == ["file"]


def test_one_of_many_replaces_a_file(files):
    files.create("a", b"old")
    start, done = threading.Barrier(8), []

    def replace(number: int) -> None:
        start.wait()
        done.append(files.replace("a", b"old", b"%d" % number))

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]


def test_written_file_appears_when_its_block_ends_well(files, tmp_path):
    with files.writing("a/model.weights.h5") as path:
        path.write_bytes(b"whole")
        assert path.name.endswith("-model.weights.h5")
        assert not (tmp_path / "a" / "model.weights.h5").exists()
    assert everything_in(tmp_path) == ["a", "a/model.weights.h5"]
    assert files.read("a/model.weights.h5") == b"whole"


def test_failed_write_leaves_the_old_file(files, tmp_path):
    files.create("a", b"old")
    with pytest.raises(ValueError, match="broken"), files.writing("a") as path:
        path.write_bytes(b"ne")
        raise ValueError("broken")
    assert files.read("a") == b"old"
    assert everything_in(tmp_path) == ["a"]


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


def test_deleting_takes_files_and_folders_and_nothing_for_granted(files, tmp_path):
    files.create("folder/a", b"")
    files.create("file", b"")
    for name in ("folder", "file", "missing"):
        files.delete(name)
    assert everything_in(tmp_path) == []


def test_file_that_was_touched_since_is_not_deleted(files, tmp_path):
    files.create("a", b"1")
    os.utime(tmp_path / "a", (0, 0))
    assert files.touch("a")
    assert not files.delete_unused("a", time.time() - 60)
    os.utime(tmp_path / "a", (0, 0))
    assert files.delete_unused("a", time.time() - 60)
    assert not files.delete_unused("a", time.time() - 60)
    assert not files.touch("a")
    assert everything_in(tmp_path) == []


def test_of_a_touch_and_a_deletion_at_once_one_is_first(files, tmp_path):
    said, since = [], time.time() - 60
    for number in range(200):
        files.path(f"{number}").touch()
        os.utime(tmp_path / f"{number}", (0, 0))
        start = threading.Barrier(2)

        def touch(name=f"{number}", start=start):
            start.wait()
            said.append(files.touch(name))

        thread = threading.Thread(target=touch)
        thread.start()
        start.wait()
        was_deleted = files.delete_unused(f"{number}", since)
        thread.join()
        assert said[-1] is not was_deleted
        assert files.exists(f"{number}") is not was_deleted


def test_size_and_last_change_are_those_of_all_that_a_folder_holds(files, tmp_path):
    for name in ("s/a", "s/b/c"):
        files.create(name, b"12")
    for name, then in {"s": 10, "s/a": 30, "s/b": 20, "s/b/c": 40}.items():
        os.utime(tmp_path / name, (then, then))
    assert (files.size("s"), files.last_change("s")) == (4, 40)
    assert (files.size("s/a"), files.last_change("s/a")) == (2, 30)
    assert (files.size("missing"), files.last_change("missing")) == (0, 0)


def test_folders_and_files_are_listed_in_order(files):
    for name in ("s/b/x", "s/a/x", "s/file"):
        files.create(name, b"")
    assert files.folders("s") == ["a", "b"]
    assert files.file_names("s") == ["file"]
    assert files.folders("missing") == files.file_names("missing") == []


def test_sha256_is_that_of_the_bytes(files, tmp_path):
    files.create("a", b"abc")
    assert sha256_of(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
