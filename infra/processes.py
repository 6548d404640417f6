"""Processes, identified by PID and start time or by a mark in their environment."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

__all__ = ["MARK", "end_all", "identity", "is_alive", "marked", "session_of"]

MARK = "AEFLOW_SERVICE"
"""The environment variable that marks every process of a service with the service's folder."""

START_TOLERANCE_SECONDS = 2.0
POLL_SECONDS = 0.1


def identity(pid: int) -> dict[str, float]:
    """Returns the PID and the start time of a process. Only both together identify a process."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def is_alive(known_identity: dict[str, float] | None) -> bool:
    """Returns whether the process with an identity is still running."""
    if not known_identity:
        return False
    try:
        process = psutil.Process(int(known_identity["pid"]))
        is_same = abs(process.create_time() - known_identity["started"]) < START_TOLERANCE_SECONDS
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def marked(home: Path) -> Iterator[psutil.Process]:
    """Yields the processes with the mark of a service, even if they have another parent now."""
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get(MARK) == str(home)
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):  # gone, or not ours
            continue


def session_of(pid: int) -> int | None:
    """Returns the session ID of a process, or None if the process is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def end_all(processes: Iterable[psutil.Process], *, grace_seconds: float) -> None:
    """Sends SIGTERM to processes, and SIGKILL to those that still run after the grace period."""
    waiting = list(processes)
    _signal(waiting, signal.SIGTERM)
    end = time.monotonic() + grace_seconds
    while (waiting := [p for p in waiting if _runs(p)]) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    _signal(waiting, signal.SIGKILL)


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
