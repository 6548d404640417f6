"""Aliases: they move, keep their history, and lose no entry to another writer."""

import json
import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from aeflow.errors import ConfigError, CorruptArtifact, TransientError
from aeflow.storage import aliases
from aeflow.storage.aliases import Alias, alias_file, alias_owners, change_alias, read_alias
from aeflow.storage.disk.files import LocalFiles
from tests.storage.questions import Entry, add_entries, add_entries_until_killed, everything_in

SPAWN = multiprocessing.get_context("spawn")
NAME = "aliases/digits/champion.json"


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path)


def add(files: LocalFiles, word: str) -> Alias[Entry]:
    return change_alias(files, NAME, lambda _: Entry(word=word), entry_type=Entry)


def test_alias_lies_below_its_dataset():
    assert alias_file("digits", "champion") == NAME


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../digits", "a\\b", "a b", "-a"])
def test_name_that_cannot_be_part_of_an_alias_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        alias_file(name, "champion")
    assert str(caught.value) == (
        f"The name {name!r} cannot be part of an alias. Begin it with a letter or a digit, and "
        "continue with letters, digits, '_', '.' and '-'."
    )


def test_alias_that_was_never_set_is_none(files):
    assert read_alias(files, NAME, Entry) is None


def test_change_makes_a_version_and_keeps_the_history(files, tmp_path):
    add(files, "one")
    alias = add(files, "two")
    assert json.loads((tmp_path / NAME).read_text()) == {
        "version": 2,
        "current": {"word": "two"},
        "history": [{"word": "one"}, {"word": "two"}],
    }
    assert read_alias(files, NAME, Entry) == alias
    assert everything_in(tmp_path) == ["aliases", "aliases/digits", NAME]


def test_change_sees_what_stands(files):
    states = []

    def change(alias):
        states.append(alias and (alias.version, alias.current.word))
        return Entry(word=str(len(states)))

    for _ in range(3):
        change_alias(files, NAME, change, entry_type=Entry)
    assert states == [None, (1, "1"), (2, "2")]


def test_entry_that_stands_changes_nothing(files, tmp_path):
    first = add(files, "one")
    before = (tmp_path / NAME).stat().st_ino
    assert add(files, "one") == first
    assert (tmp_path / NAME).stat().st_ino == before


def test_change_that_fails_leaves_the_alias_as_it_was(files):
    def fail(alias):
        raise ConfigError("not like this")

    add(files, "one")
    with pytest.raises(ConfigError, match="not like this"):
        change_alias(files, NAME, fail, entry_type=Entry)
    assert read_alias(files, NAME, Entry) == Alias[Entry](
        version=1, current=Entry(word="one"), history=(Entry(word="one"),)
    )


@pytest.mark.parametrize("old", [None, "before"])
def test_change_is_called_again_if_another_writer_was_first(files, old):
    if old:
        add(files, old)
    words = []

    def slow(alias):
        words.append(alias and alias.current.word)
        if len(words) == 1:
            add(files, "theirs")
        return Entry(word="ours")

    alias = change_alias(files, NAME, slow, entry_type=Entry)
    assert words == [old, "theirs"]
    assert [entry.word for entry in alias.history][-2:] == ["theirs", "ours"]


def test_change_that_others_always_precede_gives_up(files, monkeypatch):
    monkeypatch.setattr(aliases, "ATTEMPTS", 3)
    count = 0

    def preceded(alias):
        nonlocal count
        count += 1
        add(files, f"theirs {count}")
        return Entry(word="ours")

    with pytest.raises(TransientError) as caught:
        change_alias(files, NAME, preceded, entry_type=Entry)
    assert count == 3
    assert str(caught.value) == (
        f"Other writers changed the alias '{NAME}' first in 3 attempts. Run it again."
    )


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}', b"\xff"])
def test_unreadable_alias_is_not_written_over(files, tmp_path, content):
    files.create(NAME, content)
    with pytest.raises(CorruptArtifact) as caught:
        add(files, "one")
    assert str(caught.value) == (
        f"The alias '{NAME}' cannot be read. Restore a copy of it, or delete it and set it again."
    )
    assert (tmp_path / NAME).read_bytes() == content


def test_owners_are_the_datasets_that_have_the_alias(files):
    for name in ("mnist/champion", "digits/champion", "other/features"):
        files.create(f"aliases/{name}.json", b"")
    assert alias_owners(files, "champion") == ["digits", "mnist"]
    assert alias_owners(files, "features") == ["other"]


def test_processes_that_write_at_once_lose_no_entry(tmp_path):
    with ProcessPoolExecutor(max_workers=4, mp_context=SPAWN) as pool:
        runs = [pool.submit(add_entries, str(tmp_path), NAME, f"{i}", 25) for i in range(4)]
        for run in runs:
            run.result(timeout=120)
    alias = read_alias(LocalFiles(tmp_path), NAME, Entry)
    assert alias
    words = [entry.word for entry in alias.history]
    assert sorted(words) == sorted(f"{i} {n}" for i in range(4) for n in range(25))
    assert (alias.version, alias.current) == (100, alias.history[-1])
    for i in range(4):  # each writer's own entries stand in its own order
        assert [word for word in words if word[0] == str(i)] == [f"{i} {n}" for n in range(25)]


def test_writer_that_is_killed_leaves_a_whole_alias_and_no_lock(tmp_path):
    files = LocalFiles(tmp_path)
    worker = SPAWN.Process(target=add_entries_until_killed, args=(str(tmp_path), NAME))
    worker.start()
    while (alias := read_alias(files, NAME, Entry)) is None or alias.version < 20:
        assert worker.is_alive()
        time.sleep(0.01)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    before = read_alias(files, NAME, Entry)
    assert before
    new_alias = add(files, "after")
    assert new_alias.history == (*before.history, Entry(word="after"))
    assert Path(tmp_path / NAME).is_file()
