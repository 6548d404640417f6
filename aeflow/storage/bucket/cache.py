"""The local cache of object stores: a folder of bounded size with copies of committed files.

The folder is `AEFLOW_CACHE`, and it holds at most `AEFLOW_CACHE_BYTES` bytes. Only whole artifacts
are evicted, the least recently used first. An artifact that a process is reading is never evicted.
If processes read more than the limit at the same time, the cache exceeds the limit.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from aeflow.errors import ConfigError
from aeflow.storage.disk.durable import replacing, temporary_path
from aeflow.storage.disk.files import contained

__all__ = ["Cache", "cache_folder"]

FOLDER, BYTES = "AEFLOW_CACHE", "AEFLOW_CACHE_BYTES"
DEFAULT_BYTES = 20 * 2**30
SCRATCH = "work"
ANSWER = "*/*/*"
"""The glob pattern of an artifact's folder in the cache: store, type of artifact, artifact."""


def cache_folder() -> Path:
    """Returns the folder of the cache: `AEFLOW_CACHE`, or a folder in the user's own cache.

    Raises ConfigError if the folder begins with `~` and this user has no home folder.
    """
    setting = os.environ.get(FOLDER)
    parent = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(setting) if setting else Path(parent) / "aeflow"
    try:
        return folder.expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(
            f"The cache has no folder, because this user has no home. Set {FOLDER} to a folder."
        ) from error


class Cache:
    """Holds copies of one store's committed files, and temporary folders for unfinished files."""

    def __init__(self, url: str):
        self._top = cache_folder()
        self._max_bytes = _max_bytes()
        self.root = self._top / hashlib.sha256(url.encode()).hexdigest()[:16]
        self._descriptors: dict[str, int] = {}

    def __del__(self):
        for descriptor in self._descriptors.values():
            with suppress(OSError):
                os.close(descriptor)

    def hold(self, address: str) -> Path:
        """Returns an artifact's folder, which is not evicted while this object exists."""
        folder = contained(self.root, address)
        while address not in self._descriptors:
            _create_folder(folder)
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.is_dir() and os.path.samestat(os.fstat(descriptor), folder.stat()):
                self._descriptors[address] = descriptor
            else:  # it was evicted between `_create_folder` and `flock`
                os.close(descriptor)
        os.utime(folder)
        return folder

    def make_room(self, size: int) -> None:
        """Evicts artifacts until `size` more bytes fit, the least recently used first.

        Artifacts that a process holds stay.
        """
        sizes = {folder: _size(folder) for folder in self._top.glob(ANSWER) if folder.is_dir()}
        total = sum(sizes.values()) + size
        for folder in sorted(sizes, key=_last_use):
            if total <= self._max_bytes:
                return
            if sizes[folder] and _evict(folder):
                total -= sizes[folder]

    @contextmanager
    def adding(self, address: str, name: str) -> Iterator[Path]:
        """Yields a path to write a copy to. The copy gets its name if the block raises no error."""
        with replacing(contained(self.hold(address), name)) as path:
            yield path

    def scratch(self) -> tempfile.TemporaryDirectory:
        """Returns a temporary folder for unfinished files.

        Removes the temporary folders of processes that have ended.
        """
        parent = self._top / SCRATCH
        _create_folder(parent)
        for leftover in parent.iterdir():
            owner = leftover.name.partition("-")[0]
            if owner.isdigit() and not psutil.pid_exists(int(owner)):
                shutil.rmtree(leftover, ignore_errors=True)
        return tempfile.TemporaryDirectory(
            prefix=f"{os.getpid()}-", dir=parent, ignore_cleanup_errors=True
        )


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The cache cannot create '{folder}' ({error.strerror or error}). "
            f"Set {FOLDER} to a folder that you may write to."
        ) from error


def _max_bytes() -> int:
    setting = os.environ.get(BYTES) or str(DEFAULT_BYTES)
    if not setting.isdigit():
        raise ConfigError(
            f"{BYTES} is a number of bytes, not '{setting}'. Give a number such as 20000000000."
        )
    return int(setting)


def _size(folder: Path) -> int:
    return sum(_sizes(folder.rglob("*")))


def _sizes(paths: Iterable[Path]) -> Iterator[int]:
    for path in paths:
        with suppress(FileNotFoundError):
            if path.is_file():
                yield path.stat().st_size


def _last_use(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return folder.stat().st_mtime
    return 0.0


def _evict(folder: Path) -> bool:
    """Removes an artifact's copies unless a process holds them. Returns whether they are gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary = temporary_path(folder)
        folder.rename(temporary)
        shutil.rmtree(temporary, ignore_errors=True)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
