"""A shard's part of a feature set: its files' names, and the record that it is finished.

Whoever encodes a shard writes its record last. So the process that assembles a feature set opens
not one file of it: on an object store it would have to fetch them all.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from aeflow.lineage import FileEntry
from aeflow.storage import Draft
from aeflow.storage.disk.files import WORK

__all__ = ["Piece", "feature_files", "record", "recorded"]

FEATURE_FILE = re.compile(r"(split=[^/]+/)(?:label=-?\d+/)?(\d{5,}-)[0-9a-f]{8}\.parquet")
IN_FLIGHT = 8
RECORD = TypeAdapter(tuple[FileEntry, ...])


@dataclass(frozen=True)
class Piece:
    """Names one shard of a dataset."""

    split: str
    shard: str

    @property
    def start(self) -> str:
        """The name of its feature file, up to the digits of the file's SHA-256."""
        return f"split={self.split}/{self._number}-"

    @property
    def record(self) -> str:
        """The name of the record in a draft that says which files it has."""
        return f"{WORK}/shards/{self.split}-{self._number}.json"

    def file(self, label: int | None, digest: str) -> str:
        """The name of its feature file, or of the one with its rows of a label."""
        folder = f"split={self.split}" + ("" if label is None else f"/label={label}")
        return f"{folder}/{self._number}-{digest[:8]}.parquet"

    @property
    def _number(self) -> str:
        return self.shard.removeprefix(f"{self.split}-").removesuffix(".arrow")


def feature_files(files: Iterable[FileEntry]) -> dict[str, list[FileEntry]]:
    """Returns those files that are of features, by their starts, which name the shard."""
    found: dict[str, list[FileEntry]] = {}
    for entry in files:
        if match := FEATURE_FILE.fullmatch(entry.name):
            found.setdefault(match[1] + match[2], []).append(entry)
    return found


def record(piece: Piece, files: Sequence[FileEntry], draft: Draft) -> None:
    """Notes in a draft that every row of a shard is in these files, which are there."""
    with draft.writing(piece.record) as path:
        path.write_bytes(RECORD.dump_json(tuple(files)))


def recorded(
    pieces: Iterable[Piece], draft: Draft, *, is_checked: bool = False
) -> dict[Piece, tuple[FileEntry, ...]]:
    """Returns the files of those shards that are finished, none of whose files is missing.

    Where they are to be checked, those with a file that is not as it was written are left out.
    """
    present = set(draft.finished())
    begun = [piece for piece in pieces if piece.record in present]

    def files_of(piece: Piece) -> tuple[FileEntry, ...]:
        try:
            files = RECORD.validate_json(draft.path(piece.record).read_bytes())
        except ValidationError:
            return ()
        is_whole = present.issuperset(entry.name for entry in files)
        return files if is_whole and (not is_checked or draft.holds(files)) else ()

    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="records") as pool:
        found = zip(begun, pool.map(files_of, begun), strict=True)
    return {piece: files for piece, files in found if files}
