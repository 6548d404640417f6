"""A store in an object store: removal markers, one winner of a commit, a bounded cache."""

import time
import uuid

import pytest

from aeflow.artifacts import Publication
from aeflow.errors import CorruptArtifact, Interrupted
from aeflow.lineage import Answered
from aeflow.storage import Draft, Store, leases
from aeflow.storage.bucket.cache import Cache
from aeflow.storage.bucket.files import ObjectFiles
from aeflow.storage.leases import Lease
from aeflow.storage.protocol import Files
from tests.storage.places import contents
from tests.storage.questions import FOREIGN, everything_in, question, stored, two_files

LEASE = f"{question().address}.lease"
PARTIAL = f"{question().address}.partial"


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The URL of a store in memory that all `Store`s of this process share, with its own cache."""
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "cache"))
    return f"memory://{uuid.uuid4().hex}/store"


@pytest.fixture
def files(url):
    return ObjectFiles(url)


def names_in(files: Files) -> list[str]:
    return sorted(contents(files))


def test_mark_of_a_removal_that_was_killed_is_nothing_and_is_replaced(files, monkeypatch):
    monkeypatch.setattr("aeflow.storage.bucket.objects.REMOVAL_SECONDS", 0.3)
    files.create("a", b"1")
    with monkeypatch.context() as killed:
        killed.setattr(files, "delete_file", lambda name: None)
        assert files.replace("a", b"1", None)
    assert names_in(files) == ["a"]
    assert not files.exists("a")
    assert files.create("a", b"2")
    assert files.read("a") == b"2"


def test_answer_is_committed_whole_and_found_by_another_machine(url, tmp_path, monkeypatch):
    answer = stored(Store(url))
    assert names_in(ObjectFiles(url)) == [
        f"{answer.address}/_manifest.json",
        f"{answer.address}/a.txt",
        f"{answer.address}/sub/b.txt",
    ]
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "elsewhere"))
    store = Store(url)
    assert stored(store) == answer
    folder = store.reading(answer, ["sub/b.txt"])
    assert everything_in(folder) == ["sub", "sub/b.txt"]
    assert store.verify(answer.key) == []


def test_draft_is_resumed_on_another_machine(url, tmp_path, monkeypatch):
    def stop(draft: Draft) -> Answered:
        with draft.writing("a.txt") as path:
            path.write_text("of the first machine")
        raise Interrupted("x")

    def go_on(draft: Draft) -> Answered:
        assert draft.finished() == ["a.txt"]
        assert draft.path("a.txt").read_text() == "of the first machine"
        return Answered({})

    with pytest.raises(Interrupted):
        Store(url).answer(question(), Publication, stop, resumable=True)
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "elsewhere"))
    answer = Store(url).answer(question(), Publication, go_on, resumable=True)
    assert Store(url).verify(answer.key) == []


def test_the_second_commit_returns_the_first_artifact_and_harms_nothing(url):
    def overtaken(draft: Draft) -> Answered:
        with draft.writing("a.txt") as path:
            path.write_text("of the second")
        with draft.writing("only-here.txt") as path:
            path.touch()
        elsewhere = Store(url)
        elsewhere.files.replace(LEASE, elsewhere.files.read(LEASE), None)
        first.append(elsewhere.answer(question(), Publication, two_files))
        return Answered({})

    first = []
    store = Store(url)
    assert store.answer(question(), Publication, overtaken) == first[0]
    assert store.verify(first[0].key) == []
    assert names_in(store.files) == [
        f"{first[0].address}/{name}" for name in ("_manifest.json", "a.txt", "sub/b.txt")
    ]


def test_what_a_killed_commit_left_is_replaced_and_not_mixed_in(url):
    store = Store(url)
    store.files.create(f"{question().address}/a.txt", b"of a process that is dead")
    store.files.create(f"{question().address}/stray.txt", b"of a process that is dead")
    answer = stored(store)
    assert store.verify(answer.key) == []
    assert store.files.read(f"{answer.address}/a.txt") == b"content of a.txt"


@pytest.mark.parametrize(("is_alive", "stays"), [(False, []), (True, [LEASE, f"{PARTIAL}/a.txt"])])
def test_what_a_commit_left_that_was_killed_at_its_end_goes_once_it_is_dead(
    url, monkeypatch, is_alive, stays
):
    store = Store(url)
    answer = stored(store)
    committed_names = names_in(store.files)
    store.files.create(f"{PARTIAL}/a.txt", b"of a process that committed")
    store.files.create(LEASE, FOREIGN.encode())
    monkeypatch.setattr(leases, "LAPSE_SECONDS", 60.0 if is_alive else -1.0)
    assert stored(store) == answer
    assert names_in(store.files) == sorted(committed_names + stays)


def test_lease_is_waited_for_and_taken_over_when_it_lapses(files, monkeypatch):
    files.create("one.lease", FOREIGN.encode())
    assert not Lease(files, "one.lease").acquire()
    monkeypatch.setattr(leases, "LAPSE_SECONDS", 0.2)
    time.sleep(0.3)
    lease = Lease(files, "one.lease")
    assert lease.acquire()
    assert lease.is_held()
    lease.release()
    assert names_in(files) == []


def test_heart_beats_while_the_lease_is_held(files, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.02)
    lease = Lease(files, "one.lease")
    assert lease.acquire()
    before = files.last_change("one.lease")
    end = time.monotonic() + 10
    while files.last_change("one.lease") <= before and time.monotonic() < end:
        time.sleep(0.01)
    assert lease.is_held()
    lease.release()
    assert time.monotonic() < end


def test_harm_in_the_store_is_found_and_harm_in_the_cache_is_mended(url):
    store = Store(url)
    answer = stored(store)
    folder = store.reading(answer, ["a.txt"])
    (folder / "a.txt").write_text("tampered content")
    assert (store.reading(answer, ["a.txt"]) / "a.txt").read_text() == "content of a.txt"
    store.files.put(f"{answer.address}/a.txt", b"tampered content")
    message = (
        f"The file '{url}/{answer.address}/a.txt' is not what was committed: its SHA-256 differs."
    )
    assert store.verify(answer.key) == [message]
    (folder / "a.txt").unlink()
    with pytest.raises(CorruptArtifact, match="is not what was committed"):
        store.reading(answer, ["a.txt"])


def test_cache_lets_the_oldest_answer_go_but_none_that_is_held(tmp_path, monkeypatch):
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path))
    monkeypatch.setenv("AEFLOW_CACHE_BYTES", "25")
    holder = Cache("memory://x")
    for number in range(3):
        cache = holder if number == 0 else Cache("memory://x")
        cache.make_room(10)
        with cache.adding(f"s/{number}", "file") as path:
            path.write_bytes(b"0123456789")
        time.sleep(0.01)
        if number:
            del cache
    assert sorted(path.parent.name for path in tmp_path.rglob("file")) == ["0", "2"]
