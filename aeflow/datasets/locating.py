"""The files of a source: a single file, all files below a folder, or the matches of a glob."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from aeflow.datasets.sources import clean_name
from aeflow.datasets.walking import Walk, is_hidden
from aeflow.errors import SourceError
from aeflow.storage.bucket.opening import RemoteFile, is_remote, remote_files
from aeflow.storage.disk.durable import local_path
from aeflow.storage.layout import (
    is_part_of_remote_store,
    is_part_of_store,
    store_of,
    stores_among,
)

__all__ = ["SourceFile", "SourceFiles", "find_files"]

WILDCARDS = "*?["


@dataclass(frozen=True)
class SourceFile:
    """Holds one file; `name` is its path below the source's folder, with forward slashes."""

    name: str
    path: Path | RemoteFile

    @cached_property
    def partitions(self) -> dict[str, str]:
        """The Hive partitions of the file, from the folders in its path named `key=value`."""
        pairs = (part.partition("=") for part in PurePosixPath(self.name).parent.parts)
        return {key: unquote(value) for key, equals, value in pairs if key and equals}


class SourceFiles(NamedTuple):
    """Holds the name of a source, its files sorted by name, and the stores that were left out."""

    name: str
    files: list[SourceFile]
    stores: tuple[str, ...] = ()


def find_files(where: str, endings: Sequence[str], *, form: str) -> SourceFiles:
    """Returns the files that an address names.

    In folders and globs, only files with one of the `endings` count. Files that are hidden or
    belong to a store are left out. Raises SourceError if no file remains, or if the address is a
    store or a part of a store. The folder of a single artifact in a store is allowed. `form`
    describes the valid addresses, for messages.
    """
    if is_remote(where):
        return _find_remote_files(where, endings, form=form)
    if "://" in where:
        raise SourceError(
            f"Cannot read '{where}': only files of this machine and addresses with s3:// or gs:// "
            f"can be read. Give {form}."
        )
    root = local_path(where)
    if root.is_file():
        name = clean_name(root.name.partition(".")[0], otherwise="table")
        return SourceFiles(name, [SourceFile(root.name, root)])
    pattern = None
    if any(sign in where for sign in WILDCARDS):
        root, pattern = _split_glob(root)
    elif not root.is_dir():
        raise SourceError(f"There is no file or folder '{where}'. Give {form}.")
    if is_part_of_store(root):
        raise _store_error(where, form)
    walk = Walk(root)
    places = walk.files() if pattern is None else walk.matches(pattern)
    files = [
        SourceFile(place, root / place)
        for place in places
        if place.lower().endswith(tuple(endings)) and (root / place).is_file()
    ]
    stores = tuple(sorted(str(store) for store in walk.stores))
    if not files and pattern is None and root in walk.stores:
        raise _store_error(where, form)
    if not files:
        raise _no_file_error(where, endings, stores, form=form)
    name = clean_name(root.resolve().name, otherwise="table")
    return SourceFiles(name, sorted(files, key=lambda file: file.name), stores)


def _find_remote_files(where: str, endings: Sequence[str], *, form: str) -> SourceFiles:
    """Does what `find_files` does, for an address such as `s3://BUCKET/FOLDER`."""
    root, pattern = where.rstrip("/"), None
    if any(sign in where for sign in WILDCARDS):
        bucket, *parts = where.partition("://")[2].split("/")
        place = next(i for i, part in enumerate(parts) if any(sign in part for sign in WILDCARDS))
        root = "/".join([f"{where.partition('://')[0]}://{bucket}", *parts[:place]])
        pattern = _glob_expression("/".join(parts[place:]))
    is_file, files = remote_files(root)
    if is_file and pattern is None:
        ((name, file),) = files.items()
        return SourceFiles(
            clean_name(name.partition(".")[0], otherwise="table"), [SourceFile(name, file)]
        )
    store_names = stores_among(files)
    if is_part_of_remote_store(root, files):
        raise _store_error(where, form)
    places = {
        name: store_of(name, store_names)
        for name in sorted(files)
        if name.lower().endswith(tuple(endings))
        and not is_hidden(name)
        and (pattern is None or pattern.fullmatch(name))
    }
    skipped_stores = {store for store in places.values() if store is not None}
    stores = tuple(sorted(f"{root}/{store}".rstrip("/") for store in skipped_stores))
    visible_files = [
        SourceFile(name, files[name]) for name, store in places.items() if store is None
    ]
    if not visible_files and pattern is None and "" in store_names:
        raise _store_error(where, form)
    if not visible_files:
        raise _no_file_error(where, endings, stores, form=form)
    return SourceFiles(
        clean_name(root.rpartition("/")[2], otherwise="table"), visible_files, stores
    )


def _store_error(where: str, form: str) -> SourceError:
    return SourceError(
        f"A store cannot be a source, and '{where}' is one or a part of one. Give {form}; or give "
        "the folder of a single answer in the store, such as STORE/features/KEY."
    )


def _no_file_error(
    where: str, endings: Sequence[str], stores: Sequence[str], *, form: str
) -> SourceError:
    exception = f" outside the store '{stores[0]}', which cannot be a source" if stores else ""
    return SourceError(
        f"'{where}' holds no file that ends in {' or '.join(endings)}{exception}. Give {form}."
    )


def _glob_expression(glob: str) -> re.Pattern[str]:
    """Returns a glob as a regular expression: `**` spans folders, `*` and `?` stay within one."""
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", glob)
    return re.compile(
        "".join(
            meanings.get(part) or (part if part.startswith("[") else re.escape(part))
            for part in parts
        )
    )


def _split_glob(glob: Path) -> tuple[Path, str]:
    """Splits a glob into the folder before the first wildcard and the pattern below it."""
    place = next(i for i, part in enumerate(glob.parts) if any(sign in part for sign in WILDCARDS))
    return Path(*glob.parts[:place]), "/".join(glob.parts[place:])
