"""Log files of processes: a limit for their size, their last line, and their new lines."""

import shutil
from pathlib import Path

__all__ = ["bound", "last_line", "new_lines"]


def bound(log: Path, most: int) -> None:
    """Copies a log of more than `most` bytes to `<log>.1`, and empties the log.

    The process that writes the log keeps writing to the same file.
    """
    if log.exists() and log.stat().st_size > most:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        # The process has the file open for appending, so its next line starts at the new end.
        with log.open("r+b") as file:
            file.truncate()


def last_line(log: Path) -> str:
    """Returns the last line of a log that is not blank, or a text if there is none."""
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def new_lines(log: Path, position: int) -> tuple[list[str], int]:
    """Returns the complete lines after a position in bytes, and the position after them."""
    with log.open("rb") as file:
        file.seek(position)
        content = file.read()
    end = content.rfind(b"\n") + 1
    return content[:end].decode("utf-8", "replace").splitlines(), position + end
