"""Files of an object store below one prefix, with conditional writes.

Create-if-absent and compare-and-swap of etags replace the renames of a local folder. A conditional
removal takes two steps. First a removal marker replaces the file, if the file is unchanged since it
was read. Then the marker is deleted.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeflow.storage.bucket.remote import Remote
from aeflow.storage.disk.durable import UNFINISHED, temporary_name
from aeflow.storage.disk.files import PARTIAL, contained

__all__ = ["Objects", "Snapshot"]

REMOVED = b"removed by aeflow\n"
REMOVAL_SECONDS = 30.0
"""The longest time that a removal takes. An older removal marker was left by a killed process."""
PAUSE_SECONDS = 0.2
HERE = Path("/")


@dataclass(frozen=True)
class Snapshot:
    """Holds the state of a file at one moment: its bytes, its version, its time of change."""

    content: bytes
    version: dict[str, str]
    change_time: float


class Objects:
    """Reads and writes objects below one prefix; names are relative and use forward slashes."""

    def __init__(self, url: str):
        self.remote = Remote(url)
        self._url = url

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file."""
        snapshot = self.snapshot(name)
        if snapshot is None:
            raise FileNotFoundError(f"There is no '{self.shown(name)}'.")
        return snapshot.content

    def exists(self, name: str) -> bool:
        """Returns whether a file or folder exists."""
        return self.head(name) is not None or bool(self._below(name))

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted."""
        prefixes = self._listed(name)["common_prefixes"]
        return sorted(
            prefix.rpartition("/")[2]
            for prefix in prefixes
            if not prefix.endswith(PARTIAL) or self._below(prefix)
        )  # some servers still list the empty folder of a deleted draft

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted."""
        return sorted(meta["path"].rpartition("/")[2] for meta in self._listed(name)["objects"])

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder by their names relative to it, sorted."""
        file_names = (meta["path"].removeprefix(f"{name}/") for meta in self._below(name))
        return sorted(n for n in file_names if not n.rpartition("/")[2].startswith(UNFINISHED))

    def size(self, name: str) -> int:
        """Returns the size in bytes of a file, or of all files in a folder."""
        return sum(meta["size"] for meta in self._all(name))

    def last_change(self, name: str) -> float:
        """Returns the Unix time of the last change to a file, or to anything in a folder.

        Returns 0 if there is no such file or folder.
        """
        return max((_change_time(meta) for meta in self._all(name)), default=0.0)

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock of the store."""
        probe = f"{_parent_prefix(name)}{temporary_name('clock')}"
        meta = self.head(name)
        if meta is None:
            raise FileNotFoundError(f"There is no '{self.shown(name)}'.")
        self.put(probe, b"")
        try:
            now = self.head(probe)
        finally:
            self.delete_file(probe)
        return _change_time(now) - _change_time(meta) if now else time.time() - _change_time(meta)

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns the size and SHA-256 of a file; None if there is no file."""

        def read(store: Any) -> tuple[int, str]:
            digest, size = hashlib.sha256(), 0
            for block in self.remote.api.get(store, name).stream():
                digest.update(block)
                size += len(block)
            return size, digest.hexdigest()

        try:
            return self.remote.ask(read)
        except FileNotFoundError:
            return None

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not exist yet. Returns whether the file now holds `content`."""
        contained(HERE, name)
        while True:
            try:
                self.put(name, content, mode="create")
                return True
            except self.remote.errors.AlreadyExistsError:
                snapshot = self._raw_snapshot(name)
            if snapshot is None:
                continue
            if snapshot.content != REMOVED:
                return snapshot.content == content  # put by this call before it lost its connection
            if time.time() - snapshot.change_time > REMOVAL_SECONDS:
                return self._swap(name, snapshot, content)
            time.sleep(PAUSE_SECONDS)

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Replaces the content `old` of a file with `new`, or removes the file if `new` is None.

        Returns whether this call made the change. Of several calls with the same `old`, only one
        succeeds.
        """
        snapshot = self.snapshot(name)
        if snapshot is None or snapshot.content != old:
            return False
        return self._remove(name, snapshot) if new is None else self._swap(name, snapshot, new)

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file if it still holds `content`."""
        self.replace(name, content, content)

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Removes a folder file by file, after a `check` before each file.

        The remaining files are always complete, so a draft can be resumed from them. `check` raises
        if the folder now belongs to another process.
        """
        for meta in self._below(name):
            check()
            self.delete_file(meta["path"])

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with its content. Does nothing if `name` does not exist."""
        contained(HERE, name)
        for meta in [*self._below(name), *filter(None, [self._meta(name)])]:
            self.delete_file(meta["path"])

    def shown(self, name: str) -> str:
        """Returns the address of a file or folder."""
        return f"{self._url}/{name}" if name else self._url

    def snapshot(self, name: str) -> Snapshot | None:
        """Returns the current state of a file, or None if there is no such file."""
        snapshot = self._raw_snapshot(name)
        return None if snapshot is None or snapshot.content == REMOVED else snapshot

    def head(self, name: str) -> dict[str, Any] | None:
        """Returns the size, etag and time of change of a file, or None if there is no such file."""
        meta = self._meta(name)
        is_marker = meta and meta["size"] == len(REMOVED) and self.snapshot(name) is None
        return None if is_marker else meta

    def put(self, name: str, content: bytes | Path, **how: Any) -> str:
        """Uploads a file and returns its etag. A large file is uploaded in parts."""
        return self.remote.ask(self.remote.api.put, name, content, **how)["e_tag"]

    def copy(self, old: str, new: str) -> None:
        """Copies a file within the store, and replaces any file that has the new name."""
        self.remote.ask(self.remote.api.copy, old, new)

    def fetch(self, name: str, path: Path) -> None:
        """Downloads a file of the store to a path. A failure may leave an incomplete file there."""

        def fetch(store: Any) -> None:
            with path.open("wb") as file:
                for block in self.remote.api.get(store, name).stream():
                    file.write(block)

        self.remote.ask(fetch)

    def delete_file(self, name: str) -> None:
        """Removes one file unconditionally, whatever it holds now."""
        with suppress(FileNotFoundError):
            self.remote.ask(self.remote.api.delete, name)

    def _raw_snapshot(self, name: str) -> Snapshot | None:
        contained(HERE, name)

        def get(store: Any) -> Snapshot:
            result = self.remote.api.get(store, name)
            return Snapshot(bytes(result.bytes()), _version(result.meta), _change_time(result.meta))

        try:
            return self.remote.ask(get)
        except FileNotFoundError:
            return None

    def _swap(self, name: str, snapshot: Snapshot, content: bytes) -> bool:
        try:
            self.put(name, content, mode=snapshot.version)
            return True
        except FileNotFoundError:
            return False
        except self.remote.errors.PreconditionError:
            now = self._raw_snapshot(name)  # maybe put by this call before it lost its connection
            return now is not None and now.content == content != snapshot.content

    def _remove(self, name: str, snapshot: Snapshot) -> bool:
        if not self._swap(name, snapshot, REMOVED):
            return False
        self.delete_file(name)
        return True

    def _meta(self, name: str) -> dict[str, Any] | None:
        contained(HERE, name)
        try:
            return self.remote.ask(self.remote.api.head, name)
        except FileNotFoundError:
            return None

    def _listed(self, name: str) -> dict[str, Any]:
        return self.remote.ask(self.remote.api.list_with_delimiter, name)

    def _below(self, name: str) -> list[dict[str, Any]]:
        api = self.remote.api
        return self.remote.ask(lambda store: api.list(store, name).collect())

    def _all(self, name: str) -> list[dict[str, Any]]:
        meta = self._meta(name)
        return [meta] if meta else self._below(name)


def _parent_prefix(name: str) -> str:
    folder, slash, _ = name.rpartition("/")
    return f"{folder}{slash}"


def _version(meta: dict[str, Any]) -> dict[str, str]:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def _change_time(meta: dict[str, Any]) -> float:
    """Returns the latest Unix time that an object's time stamp can mean.

    Some stores round time stamps down to whole seconds.
    """
    stamp = meta["last_modified"]
    return stamp.timestamp() + (0.999 if stamp.microsecond == 0 else 0.0)
