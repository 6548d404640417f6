"""The output of a program whose reader ends first, as in `aeflow models | head`."""

import os
import select
import sys
from contextlib import suppress

__all__ = ["discard_output", "flush_output", "is_output_closed"]

CLOSED_PIPE = 141
"""The exit code of a program that SIGPIPE ended. Python ignores this signal."""


def flush_output() -> None:
    """Writes buffered output. Raises BrokenPipeError if the program that reads it has ended."""
    if sys.stdout:
        sys.stdout.flush()


def is_output_closed() -> bool:
    """Returns whether the program that reads the output has ended."""
    return bool(_closed_descriptors())


def discard_output() -> int:
    """Discards what is printed from now on, and returns the exit code of a closed pipe.

    Otherwise Python would report at exit that the output cannot be written.
    """
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        for descriptor in _closed_descriptors():
            os.dup2(nowhere.fileno(), descriptor)
    return CLOSED_PIPE


def _closed_descriptors() -> list[int]:
    """Returns the file descriptors of stdout and stderr that are pipes without a reader."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # None, or a stream in memory
            poll.register(stream.fileno(), 0)
    return [descriptor for descriptor, event in poll.poll(0) if event & select.POLLERR]
