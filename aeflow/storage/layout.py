"""The layout of a store: the folders in its root, and how a folder is recognised as a store.

No file marks a store. A folder is a store if one of its artifact folders, such as `datasets`, holds
an artifact with its manifest, a draft or a lease. Names alone prove nothing: a folder `models` may
just as well be a label of an image source. The root may also hold unrelated folders, which do not
belong to the store.
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
    "NIGHTS",
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
NIGHTS = "nights"
STUDIES = "studies"
ANSWERS = frozenset(kind.folder for kind in Artifact.__subclasses__())
TOP_FOLDERS = ANSWERS | {ALIASES, LOGS, NIGHTS, STUDIES}
"""All folders in the root of a store that belong to it."""

LEASE = ".lease"
KEYED = r"([^/]*-)?[0-9a-f]{16}"
"""The pattern of an artifact's folder name: its key, with or without a name before it."""
WORK = re.compile(rf"{KEYED}({re.escape(PARTIAL)}|{re.escape(LEASE)})?")
WORK_IN_STORE = re.compile(
    rf"((?P<store>.*)/)?({'|'.join(sorted(ANSWERS))})/"
    rf"{KEYED}(/{re.escape(MANIFEST)}|{re.escape(PARTIAL)}/.*|{re.escape(LEASE)})",
    re.DOTALL,
)


def is_store(folder: Path) -> bool:
    """Returns whether a local folder is a store. One artifact, draft or lease is enough."""
    return any(_holds_work(folder / name) for name in ANSWERS)


def is_part_of_store(folder: Path) -> bool:
    """Returns whether a folder is a top folder or a draft of a store.

    The folder of a single artifact is neither.
    """
    place = folder.resolve()
    return _is_draft(place) or (place.name in TOP_FOLDERS and is_store(place.parent))


def own_folders(folder: Path, names: Iterable[str]) -> set[str]:
    """Returns those `names` in a folder that are top folders of a store.

    If the folder is not a store, no names are returned.
    """
    own = set(TOP_FOLDERS.intersection(names))
    return own if own and is_store(folder) else set()


def is_part_of_remote_store(address: str, names: Iterable[str]) -> bool:
    """Returns whether a remote address is an artifact folder or a draft of a store.

    An artifact folder is a folder such as `datasets`. `names` are the names of the files below the
    address.
    """
    place = PurePosixPath(address)
    if _is_draft(place):
        return True
    return place.name in ANSWERS and "" in stores_among(f"{place.name}/{name}" for name in names)


def stores_among(names: Iterable[str]) -> set[str]:
    """Returns the prefixes of all stores in a bucket, given the names of the files in the bucket.

    The prefix "" stands for the location to which the names are relative. Example: the name
    `a/models/0123456789abcdef/_manifest.json` proves that `a` is a store.
    """
    matches = (WORK_IN_STORE.fullmatch(name) for name in names)
    return {match["store"] or "" for match in matches if match}


def store_of(name: str, stores: set[str]) -> str | None:
    """Returns the prefix of the store to which a file in a bucket belongs, or None.

    `stores` are the prefixes of all stores in the bucket.
    """
    parts = name.split("/")
    tops = (place for place, part in enumerate(parts[:-1]) if part in TOP_FOLDERS)
    roots = ("/".join(parts[:place]) for place in tops)
    return next((root for root in roots if root in stores), None)


def _is_draft(place: PurePath) -> bool:
    has_draft_name = place.name.endswith(PARTIAL) and WORK.fullmatch(place.name) is not None
    return has_draft_name and place.parent.name in ANSWERS


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
