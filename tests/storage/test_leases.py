"""Leases: one process works, the others wait, and none waits for a dead process."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from aeflow.artifacts import Publication
from aeflow.errors import Interrupted
from aeflow.lineage import Answered
from aeflow.storage import Draft, Store, leases
from aeflow.storage.disk.files import LocalFiles
from aeflow.storage.leases import LAPSE_SECONDS, Lease, check_holder
from tests.storage.questions import (
    FOREIGN,
    answer_half,
    answer_slowly,
    contend,
    everything_in,
    foreign_lease,
    question,
    stored,
    two_files,
)

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def lease(tmp_path):
    return Lease(LocalFiles(tmp_path), "one.lease")


@pytest.fixture
def killed_half_way(tmp_path):
    """A store in which a process was killed with -9 while it wrote the second of two files."""
    store = tmp_path / "store"
    worker = SPAWN.Process(target=answer_half, args=(str(store),))
    worker.start()
    while not (store / "ready").exists():
        assert worker.is_alive()
        time.sleep(0.05)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie
    (store / "ready").unlink()
    yield store
    worker.join()


def test_processes_with_one_question_do_the_work_once(tmp_path):
    root, log = str(tmp_path / "store"), str(tmp_path / "log")
    with ProcessPoolExecutor(max_workers=2, mp_context=SPAWN) as pool:
        runs = [pool.submit(answer_slowly, root, log) for _ in range(2)]
        first, second = (run.result(timeout=60) for run in runs)
    assert first == second
    assert len(Path(log).read_text().split()) == 1
    assert everything_in(tmp_path / "store" / "publications") == [
        question().key,
        f"{question().key}/_manifest.json",
        f"{question().key}/a.txt",
        f"{question().key}/sub",
        f"{question().key}/sub/b.txt",
    ]


def test_draft_of_a_killed_process_is_resumed_at_once(killed_half_way):
    finished_files, waits = [], []

    def work(draft: Draft) -> Answered:
        finished_files.extend(draft.finished())
        return two_files(draft)

    store = Store(killed_half_way)
    answer = store.answer(question(), Publication, work, resumable=True, on_progress=waits.append)
    assert finished_files == ["a.txt"]
    assert waits == []
    assert store.verify(answer.key) == []


def test_draft_of_a_killed_process_is_cleared_if_it_cannot_be_resumed(killed_half_way):
    draft_files = []

    def work(draft: Draft) -> Answered:
        draft_files.extend(draft.folder.rglob("*"))
        return two_files(draft)

    store = Store(killed_half_way)
    answer = store.answer(question(), Publication, work)
    assert draft_files == []
    assert store.verify(answer.key) == []


def test_one_of_many_takes_a_lapsed_lease_over(tmp_path):
    rounds = 40
    (tmp_path / "leases").mkdir()
    for number in range(rounds):
        path = tmp_path / "leases" / f"{number}.lease"
        path.write_text(FOREIGN)
        os.utime(path, (0, 0))
    barrier, acquired_count, held_count = SPAWN.Barrier(3), SPAWN.Value("i", 0), SPAWN.Value("i", 0)
    workers = [
        SPAWN.Process(
            target=contend, args=(str(tmp_path), rounds, barrier, acquired_count, held_count)
        )
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (acquired_count.value, held_count.value) == (rounds, rounds)
    assert everything_in(tmp_path) == ["leases"]


def test_the_second_process_at_a_lapsed_lease_leaves_it_to_the_first(tmp_path):
    class Overtaken(LocalFiles):
        """Files on which another process takes the lease over just before this one would."""

        def replace(self, name, old, new):
            (self.root / name).write_text("theirs now")
            return super().replace(name, old, new)

    (tmp_path / "one.lease").write_text(FOREIGN)
    os.utime(tmp_path / "one.lease", (0, 0))
    assert not Lease(Overtaken(tmp_path), "one.lease").acquire()
    assert (tmp_path / "one.lease").read_text() == "theirs now"


def test_live_lease_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("aeflow.storage.store.WAIT_SECONDS", 0.01)
    path = foreign_lease(tmp_path)
    reports = []

    def third_time_free(progress):
        reports.append(progress)
        if len(reports) == 3:
            path.unlink()

    Store(tmp_path).answer(question(), Publication, two_files, on_progress=third_time_free)
    assert [(p.stage, p.done, p.total, p.message) for p in reports] == [
        ("publish", 0, 1, "waits for another run's answer")
    ] * 3


def test_waiting_can_be_interrupted_and_leaves_the_others_lease(tmp_path):
    path = foreign_lease(tmp_path)

    def stop(progress):
        raise Interrupted("enough")

    with pytest.raises(Interrupted, match="enough"):
        Store(tmp_path).answer(question(), Publication, two_files, on_progress=stop)
    assert path.read_text() == FOREIGN


@pytest.mark.parametrize("content", [FOREIGN, "", "no JSON", "[]", "{}"])
def test_lease_holds_until_it_has_been_silent_whatever_it_says(tmp_path, lease, content):
    path = tmp_path / "one.lease"
    path.write_text(content)
    assert not lease.acquire()
    beat = time.time() - LAPSE_SECONDS - 2
    os.utime(path, (beat, beat))
    assert lease.acquire()
    lease.release()
    assert everything_in(tmp_path) == []


def test_run_continues_at_once_if_a_lease_has_lapsed(tmp_path):
    foreign_lease(tmp_path, silent_seconds=LAPSE_SECONDS + 2)
    waits = []
    Store(tmp_path).answer(question(), Publication, two_files, on_progress=waits.append)
    assert waits == []


@pytest.mark.parametrize(("silent_seconds", "stays"), [(LAPSE_SECONDS + 2, False), (0, True)])
def test_lease_left_next_to_an_artifact_goes_once_it_has_lapsed(tmp_path, silent_seconds, stays):
    store = Store(tmp_path)
    store.answer(question(), Publication, two_files)
    path = foreign_lease(tmp_path, silent_seconds=silent_seconds)
    store.answer(question(), Publication, two_files)
    assert path.exists() == stays


def test_lease_of_another_host_holds_until_it_lapses(tmp_path, lease):
    (tmp_path / "one.lease").write_text(FOREIGN)
    beat = time.time() - LAPSE_SECONDS + 5
    os.utime(tmp_path / "one.lease", (beat, beat))
    assert not lease.acquire()
    assert (tmp_path / "one.lease").read_text() == FOREIGN


def test_held_lease_is_not_given_twice(tmp_path, lease):
    assert lease.acquire()
    assert not Lease(LocalFiles(tmp_path), "one.lease").acquire()
    lease.release()
    assert everything_in(tmp_path) == []


def test_heart_beats_while_the_lease_is_held(tmp_path, lease, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.02)
    assert lease.acquire()
    os.utime(tmp_path / "one.lease", (0, 0))
    end = time.monotonic() + 10
    while (tmp_path / "one.lease").stat().st_mtime == 0 and time.monotonic() < end:
        time.sleep(0.01)
    lease.release()
    assert time.monotonic() < end


def test_lost_lease_is_noticed_and_not_released(tmp_path, lease):
    assert lease.acquire()
    (tmp_path / "one.lease").write_text(FOREIGN)
    with pytest.raises(Interrupted) as caught:
        check_holder(LocalFiles(tmp_path), "one.lease", lease.holder)
    lease.release()
    assert str(caught.value) == (
        "Another process took over the lease 'one.lease', because its holder sent no heartbeat for "
        "20 s or has ended. Start this run again to get the artifact."
    )
    assert (tmp_path / "one.lease").read_text() == FOREIGN


def test_run_that_lost_its_lease_leaves_the_next_ones_draft_alone(tmp_path):
    path = tmp_path / f"{question().address}.lease"

    def work(draft: Draft) -> Answered:
        path.write_text(FOREIGN)
        (draft.folder / "theirs.txt").touch()
        return two_files(draft)

    with pytest.raises(Interrupted, match="took over"):
        Store(tmp_path).answer(question(), Publication, work)
    assert everything_in(tmp_path / f"{question().address}.partial") == ["theirs.txt"]
    assert path.read_text() == FOREIGN


def test_answer_that_came_while_waiting_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("aeflow.storage.store.WAIT_SECONDS", 0.01)
    path = foreign_lease(tmp_path)
    elsewhere = stored(Store(tmp_path / "elsewhere"))

    def committed_by_another(progress):
        (tmp_path / "elsewhere" / elsewhere.address).rename(tmp_path / elsewhere.address)
        path.unlink()

    def never(draft: Draft) -> Answered:
        raise AssertionError("the answer is there")

    store = Store(tmp_path)
    answer = store.answer(question(), Publication, never, on_progress=committed_by_another)
    assert answer == elsewhere
