"""Logs of processes: bounded while they are written, and their last word."""

import shutil
from pathlib import Path

__all__ = ["bound", "last_line", "new_lines"]


def bound(log: Path, most: int) -> None:
    """Moves a long log aside as `<log>.1`; its process goes on writing to the same file."""
    if log.exists() and log.stat().st_size > most:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:  # open to append at the other end, so nothing is torn
            file.truncate()


def last_line(log: Path) -> str:
    """Returns the last line in which something stands."""
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def new_lines(log: Path, position: int) -> tuple[list[str], int]:
    """Returns the whole lines that came after a position, and the position after them."""
    with log.open("rb") as file:
        file.seek(position)
        content = file.read()
    end = content.rfind(b"\n") + 1
    return content[:end].decode("utf-8", "replace").splitlines(), position + end
