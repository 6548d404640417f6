"""Faults at the n-th call of a store's files: errors, half-written files, and sudden death."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from aeflow.errors import AeflowError
from aeflow.storage import Store
from aeflow.storage.disk import UNFINISHED
from aeflow.storage.files import LocalFiles
from aeflow.storage.verify import MANIFEST
from tests.chains import problems_in

Kind = Literal["error", "partial", "crash", "partial crash"]
KINDS: tuple[Kind, ...] = ("error", "partial", "crash", "partial crash")
NO_STORAGE_CALLS = ("path", "writing")


class Killed(BaseException):
    """Is the end of a process, after which it does nothing more, not even clear up."""


@dataclass
class Fault:
    """Strikes at one call: before it is done, or when it is half or just done (`partial`).

    After a crash every further call fails as well, because a dead process makes none.
    """

    kind: Kind
    number: int
    calls: int = 0
    is_seen: bool = False
    is_dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self) -> bool:
        """Counts a call; says whether this is the one."""
        with self._lock:
            self.calls += 1
            if self.is_dead:
                raise Killed
            self.is_seen = self.is_seen or self.calls == self.number
            return self.calls == self.number

    def error(self) -> BaseException:
        """Returns what is to be raised; after a crash nothing more is done."""
        self.is_dead = "crash" in self.kind
        return Killed() if self.is_dead else OSError(errno.EIO, "Input/output error")


class FaultyFiles(LocalFiles):
    """A folder on which one call goes wrong."""

    def __init__(self, root: Path, fault: Fault):
        super().__init__(root)
        self.fault = fault

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        strikes = self.fault.strikes()
        if strikes and "partial" not in self.fault.kind:
            raise self.fault.error()
        with super().writing(name) as path:
            yield path
            if strikes:
                os.truncate(path, path.stat().st_size // 2)
                if "crash" in self.fault.kind:  # nobody takes the half of a file away
                    path.rename(path.with_name(f"{UNFINISHED}half-{path.name}"))
                raise self.fault.error()


def _faulty(name: str) -> Callable:
    done = getattr(LocalFiles, name)

    def call(self: FaultyFiles, *args, **options):
        if not self.fault.strikes():
            return done(self, *args, **options)
        if "partial" in self.fault.kind:
            done(self, *args, **options)
        raise self.fault.error()

    return call


for verb, member in vars(LocalFiles).items():
    if not verb.startswith("_") and callable(member) and verb not in NO_STORAGE_CALLS:
        setattr(FaultyFiles, verb, _faulty(verb))


def content(root: Path) -> dict[str, bytes]:
    """Returns what is committed: no manifests, which hold times, no live logs, no leases."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
        and path.name != MANIFEST
        and path.relative_to(root).parts[0] != "logs"
        and path.suffix != ".lease"
        and not path.name.startswith(UNFINISHED)
    }


def drafts(root: Path) -> list[str]:
    """Lists unfinished work."""
    return [path.relative_to(root).as_posix() for path in root.rglob("*.partial")]


def count_survived(work: Callable[[Store], object], start: Path, scratch: Path, kind: Kind) -> int:
    """Does the work again and again on copies of a store, with a fault one call later each time.

    After each fault whatever is committed is whole, and a clean run ends in the bytes of a run
    without faults. Returns after how many faults none was seen any more.
    """
    work(Store(_copied(start, scratch / "whole")))
    expected = content(scratch / "whole")
    for number in range(1, 10_000):
        root, fault = _copied(start, scratch / "faulty"), Fault(kind, number)
        with suppress(OSError, AeflowError, Killed):
            work(Store(root, files=partial(FaultyFiles, fault=fault)))
        if not fault.is_seen:
            return number - 1
        place = f"{kind} at call {number}"
        assert problems_in(Store(root)) == [], place
        _lapse_leases(root)
        work(Store(root))
        assert content(root) == expected, place
        assert problems_in(Store(root)) == [], place
        assert drafts(root) == [], place
    raise AssertionError("there is no end of calls")


def _copied(start: Path, root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    return Path(shutil.copytree(start, root))


def _lapse_leases(root: Path) -> None:
    """Lets the time pass after which nobody waits for a process that is dead."""
    then = time.time() - 60
    for lease in root.rglob("*.lease"):
        os.utime(lease, (then, then))
