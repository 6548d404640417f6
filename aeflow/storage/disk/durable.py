"""Durable writes to a local disk: file names and bytes that survive a power failure."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from aeflow.errors import ConfigError

__all__ = [
    "UNFINISHED",
    "create_file",
    "flush",
    "flush_folder",
    "local_path",
    "local_root",
    "now_on_disk",
    "replacing",
    "temporary_name",
    "temporary_path",
]

UNFINISHED = "_tmp-"
"""The prefix of the name of a file that is being written.

The rest of the name keeps the suffix, such as `.parquet`, because some writers need the suffix.
"""


def local_root(url: str) -> Path:
    """Returns the folder that a path or a `file://` URL names. Raises ConfigError on other URLs."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        url = url2pathname(parts.path)
    elif "://" in url:
        raise ConfigError(
            f"Cannot open the store '{url}'. Give a local folder, s3://BUCKET/PREFIX or "
            "gs://BUCKET/PREFIX."
        )
    if not url:
        raise ConfigError("The store has no address. Give a local folder or a file:// URL.")
    root = local_path(url).absolute()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"The store '{root}' is a file. Choose another folder with --store.")
    return root


def local_path(path: str | Path) -> Path:
    """Returns a path with `~` expanded. Raises ConfigError if that home folder is not known."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"'{path}' begins with a home folder that this machine does not know. "
            "Write the path without '~'."
        ) from error


def temporary_name(name: str) -> str:
    """Returns a unique temporary name for a file or folder that is later renamed to `name`."""
    return f"{UNFINISHED}{uuid.uuid4().hex}-{name}"


def temporary_path(path: Path) -> Path:
    """Returns a unique temporary path in the same folder as `path`."""
    return path.with_name(temporary_name(path.name))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path, whose file replaces `path` if the block raises no error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def create_file(path: Path, content: bytes) -> bool:
    """Creates a file, whole or not at all. Returns False if the file exists already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    with temporary.open("xb") as file:
        try:
            file.write(content)
            flush(file)
            os.link(temporary, path)  # unlike a rename, a link never replaces
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def now_on_disk(path: Path) -> float:
    """Returns the current Unix time, by the clock that sets the modification times of files.

    On a network disk, this is the clock of the server.
    """
    probe = temporary_path(path)
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def flush(file: IO[bytes]) -> None:
    """Makes sure that the bytes of an open file are on disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Makes sure that the names in a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
