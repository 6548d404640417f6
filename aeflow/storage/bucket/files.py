"""The file operations of a store that lies under a prefix in a bucket, not in a folder.

Files that are read or written have a local copy. Copies of committed files are in the cache, and
copies of unfinished files are in a temporary folder of this process.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from aeflow.errors import TransientError
from aeflow.lineage import FileEntry
from aeflow.storage.bucket.cache import Cache
from aeflow.storage.bucket.committing import Commit
from aeflow.storage.bucket.objects import Objects
from aeflow.storage.disk.durable import replacing
from aeflow.storage.disk.files import contained

__all__ = ["ObjectFiles"]

IN_FLIGHT = 8
PUBLISH_SECONDS = 10.0

logger = logging.getLogger(__name__)


class ObjectFiles(Objects):
    """Keeps files below one prefix of an object store, with copies on this machine."""

    def __init__(self, url: str):
        super().__init__(url)
        self.cache = Cache(url)
        self.root = self.cache.root
        self._versions: dict[str, str] = {}
        self._publish_times: dict[str, float] = {}

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Returns whether a file has the recorded size. An object store never holds half a file."""
        meta = self.head(name)
        return meta is not None and meta["size"] == entry.size

    def make_folder(self, name: str) -> None:
        """Does nothing, because there are no folders."""

    def remove_if_empty(self, name: str) -> None:
        """Does nothing, because there are no folders."""

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yields a path to write to. If the block raises no error, that file becomes `name`."""
        with replacing(self.path(name)) as path:
            yield path
            version = self.put(name, path)
        self._versions[name] = version

    def link(self, old: str, new: str) -> None:
        """Copies a finished file within the store."""
        self.copy(old, new)
        cached_copy, local_path = contained(self.root, old), self.path(new)
        meta = self.head(new)
        if meta and cached_copy.is_file() and cached_copy.stat().st_size == meta["size"]:
            local_path.parent.mkdir(parents=True, exist_ok=True)
            local_path.unlink(missing_ok=True)
            with suppress(OSError):  # without this copy, `local` fetches the file
                os.link(cached_copy, local_path)
                self._versions[new] = meta["e_tag"]

    def commit(
        self,
        draft: str,
        address: str,
        manifest: bytes,
        *,
        entries: Sequence[FileEntry],
        check: Callable[[], None],
    ) -> bool:
        """Commits a draft. Returns False if another writer's artifact was committed first."""
        return Commit(self, draft, address, check=check, local=self.local).make(manifest, entries)

    def path(self, name: str) -> Path:
        """Returns the local path of an unfinished file."""
        return contained(Path(self._scratch.name), name)

    def local(self, name: str) -> Path:
        """Returns a local path with the current bytes of a draft's file, fetched if necessary."""
        path, meta = self.path(name), self.head(name)
        if meta is None:
            path.unlink(missing_ok=True)
        else:
            self._fetch_if_changed(name, meta)
        return path

    def _fetch_if_changed(self, name: str, meta: dict[str, Any]) -> None:
        """Fetches a file unless its local copy is current."""
        path = self.path(name)
        if not path.is_file() or self._versions.get(name) != meta["e_tag"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.fetch(name, path)
            self._versions[name] = meta["e_tag"]

    def ready(self, address: str, entries: Iterable[FileEntry]) -> Path:
        """Returns the cache folder that has the files, and keeps it while this object exists."""
        folder = self.cache.hold(address)
        missing = [entry for entry in entries if not contained(folder, entry.name).is_file()]
        self.cache.make_room(sum(entry.size for entry in missing))

        def fetch(entry: FileEntry) -> None:
            with (
                suppress(FileNotFoundError),  # the caller reports files that are missing
                self.cache.adding(address, entry.name) as path,
            ):
                self.fetch(f"{address}/{entry.name}", path)

        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="fetch") as pool:
            list(pool.map(fetch, missing))
        return folder

    def forget(self, address: str, name: str) -> bool:
        """Removes the cached copy of a committed file, and returns True."""
        contained(self.root, f"{address}/{name}").unlink(missing_ok=True)
        return True

    def mirrored(self, folders: Iterable[str]) -> Path:
        """Returns a temporary folder with copies of these folders. Fetches only changed files."""
        for meta in (meta for folder in folders for meta in self._below(folder)):
            self._fetch_if_changed(meta["path"], meta)
        return Path(self._scratch.name)

    def publish(self, name: str, *, at_once: bool = False) -> None:
        """Uploads all files below `path(name)`.

        Does nothing within PUBLISH_SECONDS after the last upload, unless `at_once` is set.
        """
        now = time.monotonic()
        if not at_once and now - self._publish_times.get(name, -PUBLISH_SECONDS) < PUBLISH_SECONDS:
            return
        self._publish_times[name] = now
        folder = self.path(name)
        for path in folder.rglob("*"):
            if path.is_file():
                try:
                    self.put(f"{name}/{path.relative_to(folder).as_posix()}", path)
                except (TransientError, OSError) as error:  # the work itself must go on
                    logger.warning("'%s' is not in the store yet: %s", path.name, error)

    @cached_property
    def _scratch(self):
        return self.cache.scratch()
