"""The files that a source names: one file, a folder with all below it, or a glob."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from aeflow.datasets.sources import clean_name
from aeflow.errors import SourceError
from aeflow.storage.opening import RemoteFile, is_remote, remote_files

__all__ = ["Found", "located"]

MAGIC = "*?["
HIDDEN = ("_", ".")
"""How names begin that are no data, as Spark and Arrow have it: `_manifest.json`, `.DS_Store`."""


@dataclass(frozen=True)
class Found:
    """Names one file by its place below the folder that was given, with forward slashes."""

    name: str
    path: Path | RemoteFile

    @cached_property
    def partitions(self) -> dict[str, str]:
        """What the folders say of the file in Hive's form, `key=value`."""
        pairs = (part.partition("=") for part in PurePosixPath(self.name).parent.parts)
        return {key: unquote(value) for key, equals, value in pairs if key and equals}


def located(where: str, endings: Sequence[str], *, form: str) -> tuple[str, list[Found]]:
    """Returns the name of what was given, and the files it stands for, sorted by their names.

    Of folders and globs only names with one of the `endings` count. Raises SourceError where that
    leaves nothing; `form` says how the source is written.
    """
    if is_remote(where):
        return _located_remote(where, endings, form=form)
    if "://" in where:
        raise SourceError(
            f"Cannot read '{where}': only files of this machine, of s3:// and of gs:// are. "
            f"Give {form}."
        )
    root = Path(where).expanduser()
    if root.is_file():
        return clean_name(root.name.partition(".")[0], otherwise="table"), [Found(root.name, root)]
    if any(sign in where for sign in MAGIC):
        root, pattern = _at_the_magic(root)
        candidates = list(root.glob(pattern))
    elif root.is_dir():
        candidates = list(root.rglob("*"))
    else:
        raise SourceError(f"There is no file or folder '{where}'. Give {form}.")
    found = [
        Found(path.relative_to(root).as_posix(), path)
        for path in candidates
        if path.name.lower().endswith(tuple(endings)) and path.is_file()
    ]
    shown = [file for file in found if not _is_hidden(file.name)]
    if not shown:
        raise SourceError(
            f"'{where}' holds no file that ends in {' or '.join(endings)}. Give {form}."
        )
    return clean_name(root.resolve().name, otherwise="table"), sorted(shown, key=lambda f: f.name)


def _located_remote(where: str, endings: Sequence[str], *, form: str) -> tuple[str, list[Found]]:
    """Does what `located` does for an address such as `s3://BUCKET/FOLDER`."""
    root, pattern = where.rstrip("/"), None
    if any(sign in where for sign in MAGIC):
        bucket, *parts = where.partition("://")[2].split("/")
        place = next(i for i, part in enumerate(parts) if any(sign in part for sign in MAGIC))
        root = "/".join([f"{where.partition('://')[0]}://{bucket}", *parts[:place]])
        pattern = _as_expression("/".join(parts[place:]))
    is_file, files = remote_files(root)
    if is_file and pattern is None:
        ((name, file),) = files.items()
        return clean_name(name.partition(".")[0], otherwise="table"), [Found(name, file)]
    shown = [
        Found(name, file)
        for name, file in sorted(files.items())
        if name.lower().endswith(tuple(endings))
        and not _is_hidden(name)
        and (pattern is None or pattern.fullmatch(name))
    ]
    if not shown:
        raise SourceError(
            f"'{where}' holds no file that ends in {' or '.join(endings)}. Give {form}."
        )
    return clean_name(root.rpartition("/")[2], otherwise="table"), shown


def _as_expression(glob: str) -> re.Pattern[str]:
    """Returns what a glob means: `**` is any number of folders, `*` and `?` stay within one."""
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", glob)
    return re.compile(
        "".join(
            meanings.get(part) or (part if part.startswith("[") else re.escape(part))
            for part in parts
        )
    )


def _at_the_magic(glob: Path) -> tuple[Path, str]:
    """Parts a glob into the folder that is certain and the pattern below it."""
    place = next(i for i, part in enumerate(glob.parts) if any(sign in part for sign in MAGIC))
    return Path(*glob.parts[:place]), "/".join(glob.parts[place:])


def _is_hidden(name: str) -> bool:
    return any(part.startswith(HIDDEN) for part in PurePosixPath(name).parts)
