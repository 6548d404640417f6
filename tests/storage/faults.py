"""Faults at the n-th call of a store's files: errors, half-written files, and crashes.

A call is a file operation on a folder, or a request to a bucket.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aeflow.errors import TransientError
from aeflow.storage.bucket.remote import Remote
from aeflow.storage.disk.durable import UNFINISHED
from aeflow.storage.disk.files import LocalFiles

Kind = Literal["error", "partial", "crash", "partial crash"]
KINDS: tuple[Kind, ...] = ("error", "partial", "crash", "partial crash")
NO_STORAGE_CALLS = ("path", "writing")


class Killed(BaseException):
    """Stands for the end of a process, which then does nothing more, not even clean up."""


@dataclass
class Fault:
    """Fails one call: before it is done, or when it is half done or just done (`partial`).

    After a crash every further call fails as well, because a dead process makes none.
    """

    kind: Kind
    number: int
    calls: int = 0
    is_seen: bool = False
    is_dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, verb: str) -> bool:
        """Counts a call. Returns whether this one fails."""
        with self._lock:
            self.calls += 1
            if self.is_dead:
                raise Killed
            self.is_seen = self.is_seen or self.calls == self.number
            return self.calls == self.number

    def error(self) -> BaseException:
        """Returns the error to raise. After a crash all further calls fail."""
        self.is_dead = "crash" in self.kind
        return Killed() if self.is_dead else OSError(errno.EIO, "Input/output error")


@dataclass
class Interruption(Fault):
    """Lets another process act just before one call, except for the operations left out."""

    act: Callable[[], object] = lambda: None
    leaving_out: tuple[str, ...] = ()

    def strikes(self, verb: str) -> bool:
        """Counts a call. The call itself always succeeds."""
        if verb not in self.leaving_out and super().strikes(verb):
            self.act()
        return False


class FaultyFiles(LocalFiles):
    """A folder on which one call fails."""

    def __init__(self, root: Path, fault: Fault):
        super().__init__(root)
        self.fault = fault

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        strikes = self.fault.strikes("writing")
        if strikes and "partial" not in self.fault.kind:
            raise self.fault.error()
        with super().writing(name) as path:
            yield path
            if strikes:
                os.truncate(path, path.stat().st_size // 2)
                if "crash" in self.fault.kind:  # a dead process does not remove half a file
                    path.rename(path.with_name(f"{UNFINISHED}half-{path.name}"))
                raise self.fault.error()


def _faulty(name: str) -> Callable:
    done = getattr(LocalFiles, name)

    def call(self: FaultyFiles, *args, **options):
        if not self.fault.strikes(name):
            return done(self, *args, **options)
        if "partial" in self.fault.kind:
            done(self, *args, **options)
        raise self.fault.error()

    return call


for verb, member in vars(LocalFiles).items():
    if not verb.startswith("_") and callable(member) and verb not in NO_STORAGE_CALLS:
        setattr(FaultyFiles, verb, _faulty(verb))


class FaultyRemote(Remote):
    """An object store of which one request fails. No object is ever half written."""

    def __init__(self, url: str, fault: Fault):
        super().__init__(url)
        self.fault = fault

    def ask(self, verb: Callable, *arguments: Any, **options: Any) -> Any:
        if not self.fault.strikes(verb.__name__):
            return super().ask(verb, *arguments, **options)
        if "partial" in self.fault.kind:
            super().ask(verb, *arguments, **options)
        error = self.fault.error()
        raise TransientError("The connection is lost.") if isinstance(error, OSError) else error
