"""The preparation of a TFDS dataset: once, under a lock, in a child process that can be stopped."""

import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aeflow.datasets.sources import OnWait
from aeflow.errors import SourceError

__all__ = ["locked", "run_child"]

POLL_SECONDS = 0.5
STOP_SECONDS = 10.0


@contextmanager
def locked(path: Path, on_wait: OnWait) -> Iterator[IO[bytes]]:
    """Holds the lock file at `path` during the block, and yields the open file.

    Two processes that prepare one dataset at once would damage each other's files.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab")
    except OSError as error:
        raise SourceError(
            f"Cannot write to {path.parent}: {error.strerror or error}. Give another data_dir."
        ) from error
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_wait(f"waits for another process that holds {path}")
                time.sleep(POLL_SECONDS)
        yield lock


def run_child(command: list[str], name: str, *, holding: IO[bytes], on_wait: OnWait) -> None:
    """Prepares the dataset `name` by running `command` in a child process.

    The child inherits the lock file `holding`, and keeps the lock if this process dies.
    """
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(holding.fileno(),),
        )
        try:
            while child.poll() is None:
                on_wait(f"prepares {name}")
                time.sleep(POLL_SECONDS)
        finally:
            _stop(child)
        output.seek(0)
        if child.returncode:
            raise SourceError(
                f"TFDS could not prepare '{name}': {_reason(output.read()).rstrip('.')}. Remove "
                "the cause and run again."
            )


def _stop(child: subprocess.Popen) -> None:
    """Stops the child if it still runs, first by SIGINT, so that TFDS removes unfinished files."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _reason(output: str) -> str:
    """Returns the last line that names an error, or the last line of all if no line names one."""
    error_lines = re.findall(
        r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)\b.*$", output, re.MULTILINE
    )
    lines = error_lines or output.strip().splitlines() or ["it printed nothing"]
    return lines[-1].strip()
