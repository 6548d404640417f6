"""The files below a local folder, or the files there that match a glob.

Hidden folders and stores of aeflow are not entered. A store may hold more files than all the data
around it.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from aeflow.storage.layout import own_folders

__all__ = ["Walk", "is_hidden"]

HIDDEN = ("_", ".")
"""Prefixes of names that are not data, as in Spark and Arrow: `_manifest.json`, `.DS_Store`."""
ANY_DEPTH = "**"


class Walk:
    """Lists files by their paths below `root`; `stores` are the stores that were not entered."""

    def __init__(self, root: Path):
        self.root = root
        self.stores: set[Path] = set()

    def files(self) -> Iterator[str]:
        """Yields all files, in no particular order; links to folders are not followed."""
        for folder, names in self._below("."):
            yield from (_joined(folder, name) for name in names if not name.startswith(HIDDEN))

    def matches(self, pattern: str) -> Iterable[str]:
        """Returns the files and folders that match a glob. Only `**` does not follow links."""
        *parts, last = PurePosixPath(pattern).parts
        places = ["."]
        for part in (*parts, *((last, "*") if last == ANY_DEPTH else (last,))):
            inner_places = (inner for place in places for inner in self._matches_in(place, part))
            places = list(dict.fromkeys(inner_places))
        return places

    def _matches_in(self, folder: str, part: str) -> Iterator[str]:
        if part == ANY_DEPTH:
            yield from (inner for inner, _ in self._below(folder))
        else:
            names = [path.name for path in (self.root / folder).glob(part)]
            yield from (_joined(folder, name) for name in self._visible(folder, names))

    def _below(self, start: str) -> Iterator[tuple[str, list[str]]]:
        """Yields a folder and all folders below it, each with the names of its files."""
        for path, folders, files in os.walk(self.root / start):
            folder = Path(path).relative_to(self.root).as_posix()
            folders[:] = self._visible(folder, folders)
            yield folder, files

    def _visible(self, folder: str, names: list[str]) -> list[str]:
        """Returns the names in a folder, without hidden names and without a store's own folders."""
        store_names = own_folders(self.root / folder, names)
        if store_names:
            self.stores.add(self.root / folder)
        return [name for name in names if name not in store_names and not name.startswith(HIDDEN)]


def is_hidden(name: str) -> bool:
    """Returns whether any part of a relative path begins with a prefix in HIDDEN."""
    return any(part.startswith(HIDDEN) for part in PurePosixPath(name).parts)


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
