"""The `arrow:` source: a dataset that aeflow has already prepared, in any store."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig
from aeflow.datasets.digests import digest_of_file
from aeflow.datasets.shards import open_shard, split_of
from aeflow.datasets.sources import OnWait, Piece, Rows, block_rows
from aeflow.errors import SourceError
from aeflow.lineage import FileEntry, Manifest
from aeflow.storage.disk.durable import local_path
from aeflow.storage.disk.files import contained
from aeflow.storage.verify import MANIFEST

__all__ = ["Arrow"]

FORM = "arrow:FOLDER, with a folder from datasets/ in a store"
UNSPLIT = "all"
"""The only split of data that was prepared with splits = 'all'.

Rows of this split are assigned to splits as if their source had none.
"""


class Arrow:
    """Reads prepared rows with their existing ids, labels and splits; a piece is a shard."""

    skipped_stores = ()

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        self._folder = local_path(where)
        self._on_wait = on_wait
        manifest = _manifest(self._folder)
        dataset = Dataset.model_validate(manifest.artifact)
        self._schema = dataset.example_schema
        self._entries = [entry for entry in manifest.files if split_of(entry.name)]
        self.name = dataset.name
        self.label_names = dataset.label_names
        self.columns = dataset.example_schema.columns
        self.value_range = dataset.example_schema.value_range

    def pieces(self) -> list[Piece]:
        """Lists the shards, after checking their SHA-256 against the manifest."""
        return [self._piece(entry) for entry in self._entries]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a shard in blocks."""
        shard = open_shard(contained(self._folder, piece.name), self._schema)
        count = block_rows(shard.features[0].nbytes)
        for start in range(0, shard.rows, count):
            block = slice(start, start + count)
            labels = None if shard.labels is None else shard.labels[block].to_numpy()
            yield Rows(shard.ids[block].to_pylist(), shard.features[block], labels)

    def _piece(self, entry: FileEntry) -> Piece:
        path = contained(self._folder, entry.name)
        if digest_of_file(path, self._on_wait) != entry.sha256:
            raise SourceError(
                f"The file '{path}' is not what was committed: its SHA-256 differs. Prepare the "
                "dataset again."
            )
        split = split_of(entry.name)
        rows = open_shard(path, self._schema).rows
        return Piece(entry.name, entry.sha256, None if split == UNSPLIT else split, rows)


def _manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise SourceError(
            f"There is no prepared dataset in the folder '{folder}'. Give {FORM}."
        ) from error
    if manifest.question.folder != Dataset.folder:
        raise SourceError(
            f"The folder '{folder}' is not a dataset but belongs to {manifest.question.folder}/. "
            f"Give {FORM}."
        )
    return manifest
