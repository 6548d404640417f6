"""The file operations that a folder and a bucket share: whole or not at all, one winner."""

import threading

import pytest

from aeflow.errors import ConfigError
from tests.storage.places import contents

OUTSIDE = ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "a\\b", "a\0b"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_name_that_leaves_the_store_is_refused(files, name):
    with pytest.raises(ConfigError, match="leads out of its folder"):
        files.create(name, b"x")


def test_created_file_is_never_replaced(files):
    assert files.create("a/b", b"first")
    assert not files.create("a/b", b"second")
    assert contents(files) == {"a/b": b"first"}


def test_file_is_replaced_only_while_it_holds_the_old_content(files):
    files.create("a", b"old")
    assert not files.replace("a", b"other", b"new")
    assert files.replace("a", b"old", b"new")
    assert not files.replace("a", b"old", b"newer")
    assert files.read("a") == b"new"
    assert files.replace("a", b"new", None)
    assert not files.replace("a", b"new", b"newer")
    assert contents(files) == {}


@pytest.mark.parametrize("name", ["missing", "missing/too", "file/below"])
def test_missing_file_is_not_replaced(files, name):
    files.create("file", b"")
    assert not files.replace(name, b"old", b"new")
    assert contents(files) == {"file": b""}


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


def test_written_file_appears_when_its_block_ends_well(files):
    with files.writing("a/model.weights.h5") as path:
        path.write_bytes(b"whole")
        assert path.name.endswith("-model.weights.h5")
        assert not files.exists("a/model.weights.h5")
    assert contents(files) == {"a/model.weights.h5": b"whole"}


def test_failed_write_leaves_the_old_file(files):
    files.create("a", b"old")
    with pytest.raises(ValueError, match="broken"), files.writing("a") as path:
        path.write_bytes(b"ne")
        raise ValueError("broken")
    assert contents(files) == {"a": b"old"}


def test_folders_files_and_sizes_are_those_below_a_name(files):
    for name in ("s/b/x", "s/a/x", "s/file", "sx/other"):
        files.create(name, b"12")
    assert files.folders("s") == ["a", "b"]
    assert files.file_names("s") == ["file"]
    assert files.names("s") == ["a/x", "b/x", "file"]
    assert (files.size("s"), files.size("s/file"), files.size("missing")) == (6, 2, 0)
    assert files.exists("s")
    assert files.folders("missing") == files.file_names("missing") == []
    assert files.last_change("missing") == 0


def test_deleting_takes_files_and_folders_and_nothing_for_granted(files):
    for name in ("folder/a", "folder/b/c", "file", "other"):
        files.create(name, b"")
    for name in ("folder", "file", "missing"):
        files.delete(name)
    assert contents(files) == {"other": b""}


def test_discarded_folder_is_gone(files):
    for name in ("s/one/a", "s/one/b/c", "s/other"):
        files.create(name, b"")
    files.discard("s/one", check=lambda: None)
    files.discard("s/missing", check=lambda: None)
    assert contents(files) == {"s/other": b""}


def test_folder_of_another_process_is_not_discarded(files):
    def fail() -> None:
        raise ValueError("lost")

    files.create("s/one/a", b"1")
    with pytest.raises(ValueError, match="lost"):
        files.discard("s/one", check=fail)
    assert contents(files) == {"s/one/a": b"1"}
