"""Drafts: which ones are kept to be resumed, and which ones leave nothing behind."""

import errno
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from aeflow.artifacts import Publication
from aeflow.errors import (
    ConfigError,
    DivergedTraining,
    IdentityMismatch,
    Interrupted,
    SourceError,
    TransientError,
)
from aeflow.lineage import Answered
from aeflow.storage import Draft, Share, Store
from aeflow.storage.disk.files import LocalFiles
from tests.storage.questions import everything_in, question, two_files

PARTIAL = f"{question().address}.partial"


class FullDisk(LocalFiles):
    """A folder on a disk with room for so many more bytes."""

    def __init__(self, root: Path, room: int):
        super().__init__(root)
        self.room = room

    @contextmanager
    def writing(self, name):
        with super().writing(name) as path:
            yield path
            self.room -= path.stat().st_size
            if self.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

    def create(self, name, content):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().create(name, content)


def fail_after_one_file(store: Store, error: BaseException, *, resumable: bool) -> None:
    """Runs work that finishes `a.txt` and a checkpoint, begins another file, and fails."""

    def work(draft: Draft) -> Answered:
        for name in ("a.txt", "_work/checkpoint"):
            with draft.writing(name) as path:
                path.touch()
        with draft.writing("b.txt") as path:
            path.touch()
            raise error

    with pytest.raises(type(error)):
        store.answer(question(), Publication, work, resumable=resumable)


def test_disk_that_is_full_from_the_start_leaves_nothing(tmp_path):
    store = Store(tmp_path / "store", files=partial(FullDisk, room=0))
    with pytest.raises(TransientError, match="No space is left"):
        store.answer(question(), Publication, two_files)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("x"), Interrupted("x"), KeyboardInterrupt()])
def test_failed_work_leaves_nothing(tmp_path, error):
    root = tmp_path / "new" / "store"
    fail_after_one_file(Store(root), error, resumable=False)
    assert everything_in(tmp_path) == []


def test_failed_work_leaves_the_folder_that_was_there(tmp_path):
    fail_after_one_file(Store(tmp_path), OSError("x"), resumable=False)
    assert tmp_path.exists()
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("x"), Interrupted("x"), KeyboardInterrupt()])
def test_resumable_work_keeps_its_finished_files(tmp_path, error):
    fail_after_one_file(Store(tmp_path), error, resumable=True)
    assert everything_in(tmp_path) == [
        "publications",
        PARTIAL,
        f"{PARTIAL}/_work",
        f"{PARTIAL}/_work/checkpoint",
        f"{PARTIAL}/a.txt",
    ]


@pytest.mark.parametrize("error", [ConfigError, SourceError, DivergedTraining, IdentityMismatch])
def test_mistake_leaves_nothing_to_resume(tmp_path, error):
    fail_after_one_file(Store(tmp_path / "store"), error("x"), resumable=True)
    assert everything_in(tmp_path) == []


def test_resumable_work_that_finished_nothing_leaves_nothing(tmp_path):
    def work(draft: Draft) -> Answered:
        with draft.writing("a.txt") as path:
            path.touch()
            raise Interrupted("x")

    with pytest.raises(Interrupted):
        Store(tmp_path / "store").answer(question(), Publication, work, resumable=True)
    assert everything_in(tmp_path) == []


def test_resumed_work_sees_what_was_finished_and_commits_without_the_checkpoint(tmp_path):
    store, finished_files = Store(tmp_path), []
    fail_after_one_file(store, Interrupted("x"), resumable=True)

    def work(draft: Draft) -> Answered:
        finished_files.extend(draft.finished())
        return two_files(draft)

    answer = store.answer(question(), Publication, work, resumable=True)
    assert finished_files == ["_work/checkpoint", "a.txt"]
    assert everything_in(store.locate(answer)) == ["_manifest.json", "a.txt", "sub", "sub/b.txt"]


def test_manifest_of_a_commit_that_was_killed_is_written_again(tmp_path):
    (tmp_path / PARTIAL).mkdir(parents=True)
    (tmp_path / PARTIAL / "_manifest.json").write_text("of a process that is dead")
    store = Store(tmp_path)
    answer = store.answer(question(), Publication, two_files, resumable=True)
    files = store.manifest(answer.address).files
    assert [entry.name for entry in files] == ["a.txt", "sub/b.txt"]
    assert store.verify(answer.key) == []


def test_half_written_file_of_a_killed_process_is_not_committed(tmp_path):
    (tmp_path / PARTIAL).mkdir(parents=True)
    (tmp_path / PARTIAL / "_tmp-0123-a.txt").touch()
    store = Store(tmp_path)
    answer = store.answer(question(), Publication, two_files, resumable=True)
    assert everything_in(store.locate(answer)) == ["_manifest.json", "a.txt", "sub", "sub/b.txt"]


def shared_draft(root) -> Draft:
    """Returns a draft whose lease another process holds."""
    files = LocalFiles(root)
    files.create("s/x.lease", b"the holder")
    return Draft(files, Share(address="s/x", lease="s/x.lease", holder="the holder"))


def test_draft_removes_and_clears(tmp_path):
    draft = shared_draft(tmp_path)
    two_files(draft)
    draft.remove("a.txt")
    assert draft.finished() == ["sub/b.txt"]
    draft.clear()
    assert everything_in(tmp_path) == ["s", "s/x.lease", "s/x.partial"]


def test_draft_of_a_holder_that_is_gone_takes_nothing(tmp_path):
    draft = shared_draft(tmp_path)
    (tmp_path / "s/x.lease").write_text("another one")
    with pytest.raises(Interrupted, match=r"took over the lease 's/x.lease'"):
        two_files(draft)


@pytest.mark.parametrize("name", ["../x", "/x", "a\\b", "a\0"])
def test_draft_takes_no_name_that_leaves_it(tmp_path, name):
    draft = shared_draft(tmp_path)
    with pytest.raises(ConfigError, match="leads out of its folder"), draft.writing(name):
        pass


def test_full_disk_is_one_line_and_keeps_what_is_finished(tmp_path):
    store = Store(tmp_path, files=partial(FullDisk, room=20))
    with pytest.raises(TransientError) as caught:
        store.answer(question(), Publication, two_files, resumable=True)
    assert str(caught.value) == (
        f"No space is left for '{question().address}' in the store {tmp_path}. "
        "Free some space and run it again."
    )
    expected_files = ["publications", PARTIAL, f"{PARTIAL}/a.txt", f"{PARTIAL}/sub"]
    assert everything_in(tmp_path) == expected_files


def test_disk_that_is_full_at_the_manifest_commits_nothing(tmp_path):
    store = Store(tmp_path, files=partial(FullDisk, room=100))
    with pytest.raises(TransientError, match="No space is left"):
        store.answer(question(), Publication, two_files, resumable=True)
    assert store.find(question().address) is None
    new_store = Store(tmp_path)
    answer = new_store.answer(question(), Publication, lambda draft: Answered({}), resumable=True)
    assert [entry.name for entry in new_store.manifest(answer.address).files] == [
        "a.txt",
        "sub/b.txt",
    ]


def test_full_disk_leaves_nothing_that_cannot_be_resumed(tmp_path):
    store = Store(tmp_path / "store", files=partial(FullDisk, room=20))
    with pytest.raises(TransientError):
        store.answer(question(), Publication, two_files)
    assert everything_in(tmp_path) == []
