"""The end of a command: its exit code, and one line about what went wrong."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from aeflow.compute.output import discard_output, is_output_closed

__all__ = ["Terminated", "exit_code_of", "terminated"]

AGAIN = "Run the same command again to go on from there."


class Terminated(BaseException):
    """Represents SIGTERM as an exception, as KeyboardInterrupt represents SIGINT."""


@contextmanager
def terminated() -> Iterator[None]:
    """Raises `Terminated` if SIGTERM arrives within the block."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code_of(error: BaseException) -> int:
    """Prints an error as one line and returns its exit code. Raises an unexpected error again."""
    from aeflow.errors import AeflowError, ConfigError, IdentityMismatch, Refused, SourceError

    if _is_of_output(error):
        return discard_output()
    match error:
        case KeyboardInterrupt() | Terminated():
            code = 130 if isinstance(error, KeyboardInterrupt) else 143
            line = f"{error.args[0] if error.args else 'Stopped.'} {AGAIN}"
        case ConfigError() | SourceError() | IdentityMismatch():
            code, line = 2, str(error)
        case Refused():
            code, line = 3, str(error)
        case AeflowError():
            code, line = 1, str(error)
        case OSError():
            code, line = 1, _line_of_os_error(error)
        case _:
            raise error
    print(f"aeflow: {' '.join(line.split())}", file=sys.stderr)
    return code


def _is_of_output(error: BaseException) -> bool:
    """Returns whether the error means that the program that reads the output has ended.

    A closed socket also raises BrokenPipeError, so the output itself is checked. Rich discards the
    output and turns this error into SystemExit.
    """
    if isinstance(error, SystemExit):
        return isinstance(error.__context__, BrokenPipeError)
    return isinstance(error, BrokenPipeError) and is_output_closed()


def _line_of_os_error(error: OSError) -> str:
    """Returns a line with Python's message and the file, and with a remedy if the disk is full."""
    file = f": '{error.filename}'" if error.filename else ""
    remedy = " Free some space and run it again." if error.errno == errno.ENOSPC else ""
    return f"{error.strerror or error}{file}.{remedy}"
