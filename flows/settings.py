"""Prefect's environment, set before its import; and quiet on the terminal."""

import faulthandler
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["quiet_terminal", "set_environment"]

LOGGING = Path(__file__).with_name("logging.yml")

ENVIRONMENT = {
    # An embedded server takes longer than Prefect's 20 s to start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # Where the active profile names no server, one is embedded.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    # Nobody is told that a run took place.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Artifacts are plain JSON; Prefect's own choice is pickle.
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}


def set_environment() -> None:
    """Sets what is not set yet, so that the user's environment and profile win."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def quiet_terminal() -> Iterator[None]:
    """Keeps Prefect's and TensorFlow's chatter off the terminal; the run's log loses nothing.

    TensorFlow 2.21 writes to file descriptor 2 before it reads any setting, so that is turned away
    and Python's standard error goes on without it. Who sets TF_CPP_MIN_LOG_LEVEL sees it all.
    """
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(LOGGING))
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or not _is_descriptor_2(sys.stderr):
        yield
        return
    terminal = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    before, sys.stderr = sys.stderr, terminal
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    faulthandler.enable(terminal)  # what kills the process is still told
    try:
        yield
    finally:
        faulthandler.disable()
        terminal.flush()
        os.dup2(terminal.fileno(), 2)
        sys.stderr = before


def _is_descriptor_2(stream: object) -> bool:
    try:
        return isinstance(stream, io.TextIOBase) and stream.fileno() == 2
    except OSError:  # replaced by something in memory
        return False
