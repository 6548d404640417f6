"""Digests of source files: a file is read once, and again only if it may have changed."""

import hashlib
import os
import time

import pytest

from aeflow.datasets.digests import MIN_BYTES, digest_of_file
from aeflow.errors import SourceError


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Returns a function: the digest of a file, and whether the file was read for it."""
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "cache"))

    def digest(path):
        blocks = []
        return digest_of_file(path, blocks.append), bool(blocks)

    return digest


def write_settled(path, content):
    """Writes a file, and waits until its last change is old enough for the digest to be cached."""
    path.write_bytes(content)
    time.sleep(2.1)
    return hashlib.sha256(content).hexdigest()


def test_large_file_is_read_once(read, tmp_path):
    expected = write_settled(tmp_path / "x", bytes(MIN_BYTES))
    assert read(tmp_path / "x") == (expected, True)
    assert read(tmp_path / "x") == (expected, False)


def test_changed_file_is_read_again_whatever_its_time_of_change_says(read, tmp_path):
    path = tmp_path / "x"
    write_settled(path, bytes(MIN_BYTES))
    read(path)
    stat = path.stat()
    changed = b"\1" * MIN_BYTES
    path.write_bytes(changed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    time.sleep(2.1)
    assert read(path) == (hashlib.sha256(changed).hexdigest(), True)


def test_file_that_just_changed_is_not_cached(read, tmp_path):
    (tmp_path / "x").write_bytes(bytes(MIN_BYTES))
    assert read(tmp_path / "x")[1]
    assert read(tmp_path / "x")[1]


def test_small_file_is_read_each_time(read, tmp_path):
    write_settled(tmp_path / "x", b"some bytes")
    assert read(tmp_path / "x")[1]
    assert read(tmp_path / "x")[1]


@pytest.mark.parametrize("content", [b"", b"one line", b"\xff\n\xfe\n", b"a\nb\nc\n"])
def test_damaged_cache_entry_is_replaced(content, read, tmp_path):
    expected = write_settled(tmp_path / "x", bytes(MIN_BYTES))
    read(tmp_path / "x")
    (path,) = (tmp_path / "cache" / "digests").iterdir()
    path.write_bytes(content)
    assert read(tmp_path / "x") == (expected, True)


def test_cache_that_cannot_be_written_to_only_costs_another_reading(read, tmp_path):
    expected = write_settled(tmp_path / "x", bytes(MIN_BYTES))
    (tmp_path / "cache").write_text("no folder")
    assert read(tmp_path / "x") == (expected, True)
    assert read(tmp_path / "x") == (expected, True)


def test_missing_file_is_one_line(read, tmp_path):
    with pytest.raises(SourceError, match=r"Cannot read '.*x': No such file or directory."):
        read(tmp_path / "x")


def test_user_without_a_home_folder_reads_a_large_file_each_time(tmp_path, monkeypatch):
    for name in ("AEFLOW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "~")  # as unset, if the user has no entry in /etc/passwd
    expected = write_settled(tmp_path / "x", bytes(MIN_BYTES))
    assert digest_of_file(tmp_path / "x", lambda doing: None) == expected
