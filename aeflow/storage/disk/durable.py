"""What a disk is asked for below the verbs: names and bytes that outlive a power cut."""

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
    "aside",
    "created",
    "flush",
    "flush_folder",
    "local_path",
    "local_root",
    "now_on_disk",
    "replacing",
    "unfinished",
]

UNFINISHED = "_tmp-"
"""How the name of a file begins while it is written; its ending stays, some writers go by it."""


def local_root(url: str) -> Path:
    """Returns the folder that a path or a `file://` URL names. Raises ConfigError on another."""
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
    """Returns a path in which `~` is written out; raises ConfigError if no home is known for it."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"'{path}' begins with a home folder that this machine does not know. "
            "Write the path without '~'."
        ) from error


def unfinished(name: str) -> str:
    """Returns a name that nobody else has, for what will have another when it is finished."""
    return f"{UNFINISHED}{uuid.uuid4().hex}-{name}"


def aside(path: Path) -> Path:
    """Returns a path that nobody else has, beside another, for what is not finished."""
    return path.with_name(unfinished(path.name))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to; what is there takes the other's place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = aside(path)
    try:
        yield written
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def created(path: Path, content: bytes) -> bool:
    """Writes a file that must not be there yet, whole or not at all; says whether it did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = aside(path)
    with written.open("xb") as file:
        try:
            file.write(content)
            flush(file)
            os.link(written, path)  # unlike a rename, a link never replaces
        except FileExistsError:
            return False
        finally:
            written.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def now_on_disk(beside: Path) -> float:
    """Tells the time by the clock that stamps a file, which on a network disk is not ours."""
    probe = aside(beside)
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def flush(file: IO[bytes]) -> None:
    """Sees to it that the bytes of an open file are on disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Sees to it that the names in a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
