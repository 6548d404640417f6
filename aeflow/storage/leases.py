"""Who works on a draft: a file with a heartbeat, so that one works and the others wait.

A lease only saves work. Correctness is the commit, which one writer alone can make.
"""

import json
import os
import socket
import threading
import time
import uuid
from functools import cache
from pathlib import Path

import psutil

from aeflow.errors import Interrupted
from aeflow.storage.files import LocalFiles

__all__ = ["HEARTBEAT_SECONDS", "LAPSE_SECONDS", "Lease"]

HEARTBEAT_SECONDS = 5.0
LAPSE_SECONDS = 20.0


class Lease:
    """Holds one name in a store while this process lives and its heart beats."""

    def __init__(self, files: LocalFiles, name: str):
        self._files = files
        self._name = name
        self._token = uuid.uuid4().hex
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"lease {name}", daemon=True)

    def acquire(self) -> bool:
        """Takes the lease if it is free or lapsed; says whether it is held now."""
        if not self._create() and not (self._has_lapsed() and self._take_over()):
            return False
        self._heart.start()
        return True

    def check(self) -> None:
        """Raises Interrupted where another process has taken the lease over."""
        if _holder(self._files.path(self._name)).get("token") != self._token:
            raise Interrupted(
                f"Another process took over '{self._name}' after this one had been silent for "
                f"{LAPSE_SECONDS:g} s. Run it again to get its answer."
            )

    def release(self) -> None:
        """Gives the lease back, if it is still this one's."""
        self._released.set()
        self._heart.join()
        path = self._files.path(self._name)
        if _holder(path).get("token") == self._token:
            path.unlink(missing_ok=True)

    def _create(self) -> bool:
        holder = {"token": self._token, **_this_process()}
        return self._files.create(self._name, json.dumps(holder).encode())

    def _has_lapsed(self) -> bool:
        path = self._files.path(self._name)
        holder = _holder(path)
        if holder and _is_gone(holder):
            return True
        try:
            return _now_on_disk(path) - path.stat().st_mtime > LAPSE_SECONDS
        except FileNotFoundError:
            return True

    def _take_over(self) -> bool:
        """Puts the lapsed lease aside; of several that try, one gets to create its own."""
        path = self._files.path(self._name)
        lapsed = _holder(path).get("token")
        aside = path.with_name(f"{path.name}.{self._token}.tmp")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return self._create()
        taken = _holder(aside).get("token")
        if taken != lapsed:  # somebody else was quicker: what was put aside is a live lease
            aside.rename(path)
            return False
        aside.unlink(missing_ok=True)
        return self._create()

    def _beat(self) -> None:
        path = self._files.path(self._name)
        while not self._released.wait(HEARTBEAT_SECONDS):
            if _holder(path).get("token") != self._token:
                return
            try:
                os.utime(path)
            except OSError:  # a full disk or a lost mount: the lease lapses, the work goes on
                continue


def _holder(path: Path) -> dict:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _this_process() -> dict:
    return {
        "host": socket.gethostname(),
        "boot": _boot(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }


def _is_gone(holder: dict) -> bool:
    """Says whether the holder ran on this very machine and does so no more."""
    if (holder.get("host"), holder.get("boot")) != (socket.gethostname(), _boot()):
        return False
    try:
        process = psutil.Process(holder["pid"])
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return is_zombie or abs(process.create_time() - holder["started"]) > 1.0
    except psutil.NoSuchProcess:
        return True


@cache
def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else f"{psutil.boot_time():.0f}"


def _now_on_disk(beside: Path) -> float:
    """Tells the time by the clock that stamps the lease, which on a network disk is not ours."""
    probe = beside.with_name(f"{beside.name}.{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)
