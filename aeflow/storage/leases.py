"""Leases: files with a heartbeat, so that one process works on a draft and the others wait.

A lease only avoids duplicate work. Correctness comes from the commit, which only one writer can
make.
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
"""The largest difference between two readings of one process's start time.

The readings differ if the clock was set in between.
"""


class LostLease(Interrupted):
    """Raised if a lease was released, or if another process has taken the lease over."""


class Lease:
    """Reserves one name in a store while this process is alive and sends heartbeats.

    `inputs` are the addresses of the artifacts that the holder of the lease reads. A prune keeps
    these artifacts while the lease is held.
    """

    def __init__(self, files: Files, name: str, inputs: Iterable[str] = ()):
        self._files = files
        self.name = name
        holder = {"token": uuid.uuid4().hex, **_this_process(), "inputs": list(inputs)}
        self._content = json.dumps(holder).encode()
        self._released = threading.Event()
        self._heartbeat = threading.Thread(
            target=self._send_heartbeats, name=f"lease {name}", daemon=True
        )

    def acquire(self) -> bool:
        """Takes the lease if it is free or lapsed. Returns whether this process holds it now."""
        if not (self._files.create(self.name, self._content) or self._take_over()):
            return False
        self._heartbeat.start()
        return True

    def is_held(self) -> bool:
        """Returns whether this object still holds the lease."""
        return _is_held(self._files, self.name, self.holder)

    def check(self) -> None:
        """Raises LostLease if this object no longer holds the lease."""
        check_holder(self._files, self.name, self.holder)

    @property
    def holder(self) -> str:
        """The content that the lease file has while this object holds the lease."""
        return self._content.decode()

    def release(self) -> None:
        """Releases the lease if this object acquired it and still holds it."""
        if self._heartbeat.ident is None:
            return
        self._released.set()
        self._heartbeat.join()
        self._files.replace(self.name, self._content, None)

    def _take_over(self) -> bool:
        try:
            content = self._files.read(self.name)
            has_lapsed = _has_ended(content) or self._files.age(self.name) > LAPSE_SECONDS
        except FileNotFoundError:  # just released: the next attempt creates it
            return False
        return has_lapsed and self._files.replace(self.name, content, self._content)

    def _send_heartbeats(self) -> None:
        while not self._released.wait(HEARTBEAT_SECONDS):
            with suppress(OSError, TransientError):  # a mount or connection may return in time
                if not self.is_held():
                    return
                self._files.beat(self.name, self._content)


def check_holder(files: Files, name: str, holder: str) -> None:
    """Raises LostLease if `holder` no longer holds the lease `name`."""
    if not _is_held(files, name, holder):
        raise LostLease(
            f"Another process took over the lease '{name}', because its holder sent no heartbeat "
            f"for {LAPSE_SECONDS:g} s or has ended. Start this run again to get the artifact."
        )


def live_inputs(files: Files, name: str) -> list[str] | None:
    """Returns the `inputs` of a lease, or None if no live process holds the lease.

    If a lease is held but its content cannot be read, the result is []. This call writes nothing,
    not even the temporary file that shows the clock of the disk.
    """
    try:
        content = files.read(name)
        if _has_ended(content) or time.time() - files.last_change(name) > LAPSE_SECONDS:
            return None
        return list(json.loads(content).get("inputs", []))
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError, TypeError):  # unreadable, but its holder is alive
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


def _has_ended(content: bytes) -> bool:
    """Returns whether the holder of a lease ran on this machine and has ended."""
    try:
        holder = json.loads(content)
        if holder["machine"] != _machine():
            return False
        process = psutil.Process(holder["pid"])
        is_other_process = abs(process.create_time() - holder["started"]) > START_TOLERANCE_SECONDS
        return is_other_process or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except (ValueError, KeyError, TypeError, psutil.AccessDenied):  # then only heartbeats count
        return False


@cache
def _machine() -> str:
    """Returns a name for this host, its boot, and (in a container) its namespace of process ids."""
    boot_file = Path("/proc/sys/kernel/random/boot_id")
    boot_id = (
        boot_file.read_text("ascii").strip() if boot_file.exists() else f"{psutil.boot_time():.0f}"
    )
    namespace_file = Path("/proc/self/ns/pid")
    namespace = str(namespace_file.readlink()) if namespace_file.is_symlink() else ""
    return " ".join((socket.gethostname(), boot_id, namespace)).strip()
