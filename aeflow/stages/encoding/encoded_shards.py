"""The feature files of one shard: their names, and the record that the shard is finished.

The process that encodes a shard writes the record after the feature files. The process that
assembles the feature set therefore reads only the records and opens no feature file. Without
records, it would have to fetch all feature files from an object store.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from aeflow.lineage import FileEntry
from aeflow.storage import Draft
from aeflow.storage.disk.files import WORK

__all__ = ["EncodedShard", "feature_files", "record", "recorded"]

FEATURE_FILE = re.compile(r"(split=[^/]+/)(?:label=-?\d+/)?(\d{5,}-)[0-9a-f]{8}\.parquet")
IN_FLIGHT = 8
RECORD = TypeAdapter(tuple[FileEntry, ...])


@dataclass(frozen=True)
class EncodedShard:
    """Names one shard of a dataset, and the files that this shard has in a feature set."""

    split: str
    shard: str

    @property
    def start(self) -> str:
        """The start of the names of the shard's feature files, such as `split=test/00000-`.

        A folder for a label, `label=<label>/`, is left out.
        """
        return f"split={self.split}/{self._number}-"

    @property
    def record(self) -> str:
        """The name of the record in a draft that lists the shard's feature files."""
        return f"{WORK}/shards/{self.split}-{self._number}.json"

    def file(self, label: int | None, digest: str) -> str:
        """Returns the name of the shard's feature file for one label, or for all labels (None).

        `digest` is the SHA-256 of the file.
        """
        folder = f"split={self.split}" + ("" if label is None else f"/label={label}")
        return f"{folder}/{self._number}-{digest[:8]}.parquet"

    @property
    def _number(self) -> str:
        return self.shard.removeprefix(f"{self.split}-").removesuffix(".arrow")


def feature_files(files: Iterable[FileEntry]) -> dict[str, list[FileEntry]]:
    """Returns the feature files among `files`, grouped by the `EncodedShard.start` of the shard."""
    files_by_start: dict[str, list[FileEntry]] = {}
    for entry in files:
        if match := FEATURE_FILE.fullmatch(entry.name):
            files_by_start.setdefault(match[1] + match[2], []).append(entry)
    return files_by_start


def record(shard: EncodedShard, files: Sequence[FileEntry], draft: Draft) -> None:
    """Records in a draft that `files` exist and together contain every row of a shard."""
    with draft.writing(shard.record) as path:
        path.write_bytes(RECORD.dump_json(tuple(files)))


def recorded(
    shards: Iterable[EncodedShard], draft: Draft, *, is_checked: bool = False
) -> dict[EncodedShard, tuple[FileEntry, ...]]:
    """Returns the feature files of each finished shard.

    A shard is finished if the draft has the record of the shard and all files in this record. If
    `is_checked`, a shard is left out if one of the files differs from what was written.
    """
    present = set(draft.finished())
    recorded_shards = [shard for shard in shards if shard.record in present]

    def files_of(shard: EncodedShard) -> tuple[FileEntry, ...]:
        try:
            files = RECORD.validate_json(draft.path(shard.record).read_bytes())
        except ValidationError:
            return ()
        is_whole = present.issuperset(entry.name for entry in files)
        return files if is_whole and (not is_checked or draft.holds(files)) else ()

    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="records") as pool:
        pairs = zip(recorded_shards, pool.map(files_of, recorded_shards), strict=True)
    return {shard: files for shard, files in pairs if files}
