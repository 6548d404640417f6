"""What a store looks like: the folders in its root, and what shows that a folder is a store.

No file marks a store. It is known by its work: an answer with its manifest, a draft or a lease, in
a folder for answers such as `datasets`. Names alone show nothing: `models` may well be a label. A
store may hold folders of other people, too; those do not belong to it.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath

from aeflow.artifacts import Artifact
from aeflow.storage.aliases import FOLDER as ALIASES
from aeflow.storage.disk.files import MANIFEST, PARTIAL

__all__ = [
    "KEYED",
    "LOGS",
    "STUDIES",
    "TOP_FOLDERS",
    "is_part_of_remote_store",
    "is_part_of_store",
    "is_store",
    "own_folders",
    "store_of",
    "stores_among",
]

LOGS = "logs"
STUDIES = "studies"
ANSWERS = frozenset(kind.folder for kind in Artifact.__subclasses__())
TOP_FOLDERS = ANSWERS | {ALIASES, LOGS, STUDIES}
"""All folders in the root of a store that belong to it."""

LEASE = ".lease"
KEYED = r"([^/]*-)?[0-9a-f]{16}"
"""How the folder of an answer is named: by its key, with or without a name before it."""
WORK = re.compile(rf"{KEYED}({re.escape(PARTIAL)}|{re.escape(LEASE)})?")
WORK_IN_STORE = re.compile(
    rf"((?P<store>.*)/)?({'|'.join(sorted(ANSWERS))})/"
    rf"{KEYED}(/{re.escape(MANIFEST)}|{re.escape(PARTIAL)}/.*|{re.escape(LEASE)})",
    re.DOTALL,
)


def is_store(folder: Path) -> bool:
    """Says whether a folder of this machine is a store, however little it holds."""
    return any(_holds_work(folder / name) for name in ANSWERS)


def is_part_of_store(folder: Path) -> bool:
    """Says whether a folder is a top folder or a draft of a store; a single answer is neither."""
    place = folder.resolve()
    return _is_draft(place) or (place.name in TOP_FOLDERS and is_store(place.parent))


def own_folders(folder: Path, names: Iterable[str]) -> set[str]:
    """Returns those of the names in a folder that belong to a store there; none without a store."""
    own = set(TOP_FOLDERS.intersection(names))
    return own if own and is_store(folder) else set()


def is_part_of_remote_store(address: str, names: Iterable[str]) -> bool:
    """Says of an address what `is_part_of_store` says of a folder, by the files below it."""
    place = PurePosixPath(address)
    if _is_draft(place):
        return True
    return place.name in ANSWERS and "" in stores_among(f"{place.name}/{name}" for name in names)


def stores_among(names: Iterable[str]) -> set[str]:
    """Returns the stores that files of an object store show; "" is the place that they lie below.

    Example: `a/models/0123456789abcdef/_manifest.json` shows that `a` is one.
    """
    found = (WORK_IN_STORE.fullmatch(name) for name in names)
    return {work["store"] or "" for work in found if work}


def store_of(name: str, stores: set[str]) -> str | None:
    """Returns the store, out of these, that a file of an object store belongs to, or None."""
    parts = name.split("/")
    tops = (place for place, part in enumerate(parts[:-1]) if part in TOP_FOLDERS)
    roots = ("/".join(parts[:place]) for place in tops)
    return next((root for root in roots if root in stores), None)


def _is_draft(place: PurePath) -> bool:
    is_named_so = place.name.endswith(PARTIAL) and WORK.fullmatch(place.name) is not None
    return is_named_so and place.parent.name in ANSWERS


def _holds_work(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(_is_work(entry) for entry in entries)
    return False


def _is_work(entry: os.DirEntry[str]) -> bool:
    if not WORK.fullmatch(entry.name):
        return False
    if entry.name.endswith(LEASE):
        return entry.is_file()
    return entry.is_dir() if entry.name.endswith(PARTIAL) else (Path(entry) / MANIFEST).is_file()
