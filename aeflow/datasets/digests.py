"""The SHA-256 digests of source files, cached for large files that have not changed.

A file counts as unchanged if its path, size, device, inode, modification time and change time are
the same. No program can set the change time. The digests are cached in `AEFLOW_CACHE`. Without a
cached digest, the file is read.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from aeflow.datasets.sources import BLOCK_BYTES, OnWait
from aeflow.errors import ConfigError, SourceError
from aeflow.storage.bucket.cache import cache_folder
from aeflow.storage.bucket.opening import RemoteFile
from aeflow.storage.disk.durable import replacing

__all__ = ["MIN_BYTES", "digest_of_file"]

MIN_BYTES = 2**20
"""Digests of smaller files are not cached: reading these files is faster than the look-up."""

SETTLED_SECONDS = 2.0
"""The digest of a file is cached only if the last change of the file is at least this old.

Two changes within one tick of the clock have the same time of change.
"""


def digest_of_file(path: Path | RemoteFile, on_wait: OnWait) -> str:
    """Returns the SHA-256 of a file's bytes. Raises SourceError if the file cannot be read.

    For a file in an object store, the digest is the SHA-256 of the file's etag and size, so that
    the file need not be read. A copy of the file in another place may have another etag, and then
    has another digest.
    """
    if isinstance(path, RemoteFile):
        return path.digest
    try:
        before = _state(path)
        digest = _cached_digest(path, before) or _read(path, on_wait)
        if _state(path) == before:
            _cache_digest(path, before, digest)
    except OSError as error:
        raise SourceError(
            f"Cannot read '{path}': {error.strerror or error}. Check the file and its permissions."
        ) from error
    return digest


def _read(path: Path, on_wait: OnWait) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            on_wait(f"reads {path.name}")
    return digest.hexdigest()


def _state(path: Path) -> str | None:
    """Returns a text that differs after every change of the file.

    Returns None if the digest must not be cached: the file is small or was changed just now.
    """
    stat = path.stat()
    changed = max(stat.st_mtime, stat.st_ctime)
    if stat.st_size < MIN_BYTES or time.time() - changed < SETTLED_SECONDS:
        return None
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _cache_file(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
    return cache_folder() / "digests" / name


def _cached_digest(path: Path, state: str | None) -> str | None:
    with suppress(OSError, ValueError, ConfigError):
        cached_state, digest = _cache_file(path).read_text("ascii").splitlines()
        return digest if cached_state == state else None
    return None


def _cache_digest(path: Path, state: str | None, digest: str) -> None:
    """Caches a digest. If the cache cannot be written to, the file is read again next time."""
    with suppress(OSError, ConfigError):
        if state is not None:
            with replacing(_cache_file(path)) as file:
                file.write_text(f"{state}\n{digest}\n", "ascii")
