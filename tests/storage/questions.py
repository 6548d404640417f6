"""Small questions, and the work that answers them, in this process or in others."""

import json
import os
import time
from pathlib import Path

from pydantic import BaseModel

from aeflow.artifacts import Model, Publication, Verdict
from aeflow.lineage import Answered, Question
from aeflow.registry.champions import promote
from aeflow.storage import Draft, Store
from aeflow.storage.aliases import change_alias
from aeflow.storage.disk.files import LocalFiles
from aeflow.storage.leases import Lease

FOREIGN = json.dumps({"token": "theirs", "machine": "elsewhere", "pid": 1, "started": 0.0})


def question(name: str = "one") -> Question:
    return Question(
        stage="publish", version=1, folder="publications", configs={"name": name}, inputs={}
    )


def two_files(draft: Draft) -> Answered:
    for name in ("a.txt", "sub/b.txt"):
        with draft.writing(name) as path:
            path.write_text(f"content of {name}")
    return Answered({})


def stored(store: Store, name: str = "one") -> Publication:
    return store.answer(question(name), Publication, two_files)


def everything_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def foreign_lease(root: Path, *, silent_seconds: float = 0) -> Path:
    """Writes the lease of a process on another host that sent its last heartbeat so long ago."""
    path = root / f"{question().address}.lease"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FOREIGN)
    beat = time.time() - silent_seconds
    os.utime(path, (beat, beat))
    return path


def answer_slowly(root: str, log: str) -> dict:
    """Answers the question, and writes to a log that this process did the work."""

    def work(draft: Draft) -> Answered:
        with Path(log).open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(1.0)
        return two_files(draft)

    return Store(root).answer(question(), Publication, work).to_json()


def answer_half(root: str) -> None:
    """Finishes one file of two, then works on the second one until it is killed."""

    def work(draft: Draft) -> Answered:
        with draft.writing("a.txt") as path:
            path.write_text("content of a.txt")
        with draft.writing("sub/b.txt") as path:
            path.write_text("half")
            (draft.folder.parent.parent / "ready").touch()
            time.sleep(60)
        return Answered({})

    Store(root).answer(question(), Publication, work, resumable=True)


def contend(root: str, rounds: int, barrier, acquired_count, held_count) -> None:
    """Tries, at the same time as others, to take each of many lapsed leases. Counts successes."""
    for number in range(rounds):
        lease = Lease(LocalFiles(Path(root)), f"leases/{number}.lease")
        barrier.wait(timeout=60)
        together = (time.monotonic() // 0.01 + 2) * 0.01  # a barrier releases them one by one
        while time.monotonic() < together:
            pass
        count(acquired_count, lease.acquire())
        barrier.wait(timeout=60)
        count(held_count, lease.is_held())
        barrier.wait(timeout=60)
        lease.release()


def count(total, number: int) -> None:
    with total.get_lock():
        total.value += number


class Entry(BaseModel):
    """A minimal entry of an alias."""

    word: str


def add_entries(root: str, name: str, writer: str, times: int) -> None:
    """Adds that many entries to an alias."""
    for number in range(times):
        entry = Entry(word=f"{writer} {number}")
        change_alias(LocalFiles(Path(root)), name, lambda _, entry=entry: entry, entry_type=Entry)


def add_entries_until_killed(root: str, name: str) -> None:
    """Adds entries to an alias until it is killed."""
    add_entries(root, name, "again", 10**9)


def promote_at_once(root: str, passed: dict, model: dict, barrier) -> None:
    """Promotes a model at the same time as other processes, as soon as all of them are ready."""
    store, challenger = Store(root), Model.model_validate(model)
    verdict = Verdict.model_validate(passed)
    barrier.wait(timeout=120)
    promote(verdict, store, model=challenger, run=f"run of {challenger.key}")
