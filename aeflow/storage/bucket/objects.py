"""Files of an object store below one prefix, changed by conditional writes alone.

What a folder does by renaming is done here by create-if-absent, and by compare-and-swap of etags.
A file is removed by putting a mark in its place, if it is still the one that was seen, and then
deleting that.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeflow.storage.bucket.remote import Remote
from aeflow.storage.disk.durable import UNFINISHED, unfinished
from aeflow.storage.disk.files import PARTIAL, contained

__all__ = ["Objects", "Seen"]

REMOVED = b"removed by aeflow\n"
REMOVAL_SECONDS = 30.0
"""How long a mark stands at most; one that is older was left by a process that was killed."""
PAUSE_SECONDS = 0.2
HERE = Path("/")


@dataclass(frozen=True)
class Seen:
    """Holds what a file was at one moment: its bytes, its version, its time of change."""

    content: bytes
    version: dict[str, str]
    changed: float


class Objects:
    """Reads and writes objects below one prefix; names are relative and use forward slashes."""

    def __init__(self, url: str):
        self.remote = Remote(url)
        self._url = url

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file."""
        seen = self.seen(name)
        if seen is None:
            raise FileNotFoundError(f"There is no '{self.shown(name)}'.")
        return seen.content

    def exists(self, name: str) -> bool:
        """Says whether a file or folder is there."""
        return self.head(name) is not None or bool(self._below(name))

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted."""
        prefixes = self._listed(name)["common_prefixes"]
        return sorted(
            prefix.rpartition("/")[2]
            for prefix in prefixes
            if not prefix.endswith(PARTIAL) or self._below(prefix)
        )  # some servers go on listing the empty folder of a draft that is gone

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted."""
        return sorted(found["path"].rpartition("/")[2] for found in self._listed(name)["objects"])

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder, by their names in it, sorted."""
        found = (meta["path"].removeprefix(f"{name}/") for meta in self._below(name))
        return sorted(n for n in found if not n.rpartition("/")[2].startswith(UNFINISHED))

    def size(self, name: str) -> int:
        """Returns the bytes of a file, or of all files of a folder."""
        return sum(meta["size"] for meta in self._all(name))

    def last_change(self, name: str) -> float:
        """Returns when a file, or anything in a folder, was changed last; 0 where nothing is."""
        return max((_changed(meta) for meta in self._all(name)), default=0.0)

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock of the store."""
        probe = f"{_beside(name)}{unfinished('clock')}"
        meta = self.head(name)
        if meta is None:
            raise FileNotFoundError(f"There is no '{self.shown(name)}'.")
        self.put(probe, b"")
        try:
            now = self.head(probe)
        finally:
            self.delete_file(probe)
        return _changed(now) - _changed(meta) if now else time.time() - _changed(meta)

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns size and SHA-256 of a file's bytes, read to the end; None without a file."""

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
        """Writes a file that must not be there yet; says whether it holds this content now."""
        contained(HERE, name)
        while True:
            try:
                self.put(name, content, mode="create")
                return True
            except self.remote.errors.AlreadyExistsError:
                seen = self._seen_raw(name)
            if seen is None:
                continue
            if seen.content != REMOVED:
                return seen.content == content  # put by this very call, on a line that was lost
            if time.time() - seen.changed > REMOVAL_SECONDS:
                return self._swap(name, seen, content)
            time.sleep(PAUSE_SECONDS)

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Puts `new` in the place of a file that still holds `old`; None removes the file.

        Says whether this call did it: of several with the same `old`, one does.
        """
        seen = self.seen(name)
        if seen is None or seen.content != old:
            return False
        return self._remove(name, seen) if new is None else self._swap(name, seen, new)

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file that still holds `content`."""
        self.replace(name, content, content)

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Removes a folder; each of its files is whole, so a draft can be resumed from the rest."""
        for meta in self._below(name):
            check()
            self.delete_file(meta["path"])

    def delete(self, name: str) -> None:
        """Removes a file or a folder with all it holds; nothing where there is none."""
        contained(HERE, name)
        for meta in [*self._below(name), *filter(None, [self._meta(name)])]:
            self.delete_file(meta["path"])

    def shown(self, name: str) -> str:
        """Returns the address of a file or folder."""
        return f"{self._url}/{name}" if name else self._url

    def seen(self, name: str) -> Seen | None:
        """Returns what a file is now, None where there is none."""
        seen = self._seen_raw(name)
        return None if seen is None or seen.content == REMOVED else seen

    def head(self, name: str) -> dict[str, Any] | None:
        """Returns size, etag and time of change of a file, None where there is none."""
        meta = self._meta(name)
        is_mark = meta and meta["size"] == len(REMOVED) and self.seen(name) is None
        return None if is_mark else meta

    def put(self, name: str, content: bytes | Path, **how: Any) -> str:
        """Puts a file, in parts where it is large, and returns its etag."""
        return self.remote.ask(self.remote.api.put, name, content, **how)["e_tag"]

    def copy(self, old: str, new: str) -> None:
        """Copies a file within the store, in the place of what has that name."""
        self.remote.ask(self.remote.api.copy, old, new)

    def fetch(self, name: str, path: Path) -> None:
        """Writes a file of the store to a path, and removes that where it cannot be had."""

        def fetch(store: Any) -> None:
            with path.open("wb") as file:
                for block in self.remote.api.get(store, name).stream():
                    file.write(block)

        self.remote.ask(fetch)

    def delete_file(self, name: str) -> None:
        """Removes one file, whatever it is now."""
        with suppress(FileNotFoundError):
            self.remote.ask(self.remote.api.delete, name)

    def _seen_raw(self, name: str) -> Seen | None:
        contained(HERE, name)

        def see(store: Any) -> Seen:
            found = self.remote.api.get(store, name)
            return Seen(bytes(found.bytes()), _version(found.meta), _changed(found.meta))

        try:
            return self.remote.ask(see)
        except FileNotFoundError:
            return None

    def _swap(self, name: str, seen: Seen, content: bytes) -> bool:
        try:
            self.put(name, content, mode=seen.version)
            return True
        except FileNotFoundError:
            return False
        except self.remote.errors.PreconditionError:
            now = self._seen_raw(name)  # put by this very call, on a line that was lost?
            return now is not None and now.content == content != seen.content

    def _remove(self, name: str, seen: Seen) -> bool:
        if not self._swap(name, seen, REMOVED):
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


def _beside(name: str) -> str:
    folder, slash, _ = name.rpartition("/")
    return f"{folder}{slash}"


def _version(meta: dict[str, Any]) -> dict[str, str]:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def _changed(meta: dict[str, Any]) -> float:
    """Returns the end of the time that a stamp means: some stores write whole seconds."""
    stamp = meta["last_modified"]
    return stamp.timestamp() + (0.999 if stamp.microsecond == 0 else 0.0)
