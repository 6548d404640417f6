"""Who works on a draft: a file with a heartbeat, so that one works and the others wait.

A lease only saves work. Correctness is the commit, which one writer alone can make.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from aeflow.errors import Interrupted, TransientError
from aeflow.storage.protocol import Files

__all__ = [
    "HEARTBEAT_SECONDS",
    "LAPSE_SECONDS",
    "Lease",
    "LostLease",
    "check_holder",
    "live_inputs",
]

HEARTBEAT_SECONDS = 5.0
LAPSE_SECONDS = 20.0
START_TOLERANCE_SECONDS = 60.0
"""Two readings of one process's start differ where the clock was set in between."""


class LostLease(Interrupted):
    """Says that another process works on the same thing now."""


class Lease:
    """Holds one name in a store while this process lives and its heart beats.

    `inputs` are the addresses that the holder builds on: they are not to be taken away meanwhile.
    """

    def __init__(self, files: Files, name: str, inputs: Iterable[str] = ()):
        self._files = files
        self.name = name
        holder = {"token": uuid.uuid4().hex, **_this_process(), "inputs": list(inputs)}
        self._content = json.dumps(holder).encode()
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"lease {name}", daemon=True)

    def acquire(self) -> bool:
        """Takes the lease if it is free or lapsed; says whether it is held now."""
        if not (self._files.create(self.name, self._content) or self._take_over()):
            return False
        self._heart.start()
        return True

    def is_held(self) -> bool:
        """Says whether the lease is still this one's, and no other process has taken it over."""
        return _is_held(self._files, self.name, self.holder)

    def check(self) -> None:
        """Raises LostLease if another process has taken the lease over."""
        check_holder(self._files, self.name, self.holder)

    @property
    def holder(self) -> str:
        """What stands in the lease while it is this one's."""
        return self._content.decode()

    def release(self) -> None:
        """Gives the lease back, if it was acquired and is still this one's."""
        if self._heart.ident is None:
            return
        self._released.set()
        self._heart.join()
        self._files.replace(self.name, self._content, None)

    def _take_over(self) -> bool:
        try:
            held = self._files.read(self.name)
            has_lapsed = _is_gone(held) or self._files.age(self.name) > LAPSE_SECONDS
        except FileNotFoundError:  # just released: the next attempt creates it
            return False
        return has_lapsed and self._files.replace(self.name, held, self._content)

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_SECONDS):
            with suppress(OSError, TransientError):  # a lost mount or line may come back in time
                if not self.is_held():
                    return
                self._files.beat(self.name, self._content)


def check_holder(files: Files, name: str, holder: str) -> None:
    """Raises LostLease where a lease is no longer that of the process which had it."""
    if not _is_held(files, name, holder):
        raise LostLease(
            f"Another process took over '{name}' after its holder had been silent for "
            f"{LAPSE_SECONDS:g} s, or the holder has ended. Run it again to get the answer."
        )


def live_inputs(files: Files, name: str) -> list[str] | None:
    """Returns what the holder of a lease builds on, or None where nobody alive holds it.

    Writes nothing, not even to learn the time of the disk.
    """
    try:
        held = files.read(name)
        if _is_gone(held) or time.time() - files.last_change(name) > LAPSE_SECONDS:
            return None
        return list(json.loads(held).get("inputs", []))
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError, TypeError):  # of whoever wrote it, only that it lives
        return []


def _is_held(files: Files, name: str, holder: str) -> bool:
    try:
        return files.read(name) == holder.encode()
    except FileNotFoundError:
        return False


def _this_process() -> dict:
    return {
        "machine": _machine(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }


def _is_gone(content: bytes) -> bool:
    """Says whether the holder ran on this very machine and does so no more."""
    try:
        holder = json.loads(content)
        if holder["machine"] != _machine():
            return False
        process = psutil.Process(holder["pid"])
        is_another = abs(process.create_time() - holder["started"]) > START_TOLERANCE_SECONDS
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except (ValueError, KeyError, TypeError, psutil.AccessDenied):  # only its silence can tell
        return False


@cache
def _machine() -> str:
    """Names this host, its boot, and (in a container) the numbering of its processes."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    since = boot.read_text("ascii").strip() if boot.exists() else f"{psutil.boot_time():.0f}"
    numbering = Path("/proc/self/ns/pid")
    namespace = str(numbering.readlink()) if numbering.is_symlink() else ""
    return " ".join((socket.gethostname(), since, namespace)).strip()
