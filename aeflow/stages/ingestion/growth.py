"""The reuse of pieces from an earlier dataset, so that only the new pieces of a source are read.

A piece is a part of a source, such as a file. A piece is reused if its name and digest, the config,
the columns and the splits are the same, and if each label name still has the same number. This
saves work and changes no byte of the new dataset.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import open_shard, shard_name
from aeflow.datasets.sources import Piece, Source
from aeflow.errors import CorruptArtifact
from aeflow.lineage import Manifest, Question
from aeflow.stages.ingestion.portions import PORTIONS_FILE, Portion, read_portions
from aeflow.stages.ingestion.validation import QUARANTINE_FILE, BadRow
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["EarlierDataset", "EarlierPiece", "earlier_dataset"]

logger = logging.getLogger(__name__)

ASSIGNED = {"validation", "test"}
"""Rows are held out for each of these splits, unless the source has a piece of that split."""


@dataclass(frozen=True)
class EarlierPiece:
    """Holds the portions, the shards of each portion, and the bad rows of one earlier piece.

    A portion is what the piece contributed to one split.
    """

    portions: list[Portion]
    shards: list[list[str]]
    bad: list[BadRow]

    @property
    def all_shards(self) -> list[str]:
        """The shards of all portions."""
        return [name for names in self.shards for name in names]


class EarlierDataset:
    """Finds the pieces of an earlier dataset in the store, and checks them."""

    def __init__(self, dataset: Dataset, question: Question, store: Store):
        self._dataset = dataset
        self._digests = {name: piece.digest for name, piece in question.inputs.items()}
        self._store = store
        folder = store.reading(dataset, [PORTIONS_FILE, QUARANTINE_FILE])
        portions = read_portions(folder / PORTIONS_FILE, dataset.example_schema.shape)
        quarantined = pq.read_table(folder / QUARANTINE_FILE).to_pylist()
        self._pieces = _by_piece(portions, [BadRow(**row) for row in quarantined])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one stored example."""
        return self._dataset.example_schema.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of stored features."""
        return np.dtype(self._dataset.example_schema.dtype)

    def fits(self, source: Source, pieces: Sequence[Piece]) -> bool:
        """Returns whether unchanged pieces of the source would give the same rows as before.

        This is so if labels, splits and columns have not changed.
        """
        old, new = self._dataset.label_names, tuple(source.label_names)
        same_labels = old == new or (old and new[: len(old)] == old)
        own_splits = {piece.portions[0].own_split for piece in self._pieces.values()}
        same_splits = own_splits & ASSIGNED == {piece.split for piece in pieces} & ASSIGNED
        same_columns = self._dataset.example_schema.columns == tuple(source.columns)
        return bool(same_labels and same_splits and same_columns)

    def has(self, piece: Piece) -> bool:
        """Returns whether the dataset has this piece with the same content, split and row count."""
        old_piece = self._pieces.get(piece.name)
        if old_piece is None or self._digests.get(piece.name) != piece.digest:
            return False
        rows = sum(portion.statistics.count for portion in old_piece.portions)
        first = old_piece.portions[0]
        return first.own_split == piece.split and rows + first.bad_rows == piece.rows

    def is_sound(self, piece: Piece) -> bool:
        """Returns whether the piece's shards still have the SHA-256 that was committed."""
        try:
            self._store.reading(self._dataset, self._pieces[piece.name].all_shards)
        except (CorruptArtifact, OSError) as error:
            logger.warning("ingest: reads %s again: %s", piece.name, error)
            return False
        return True

    def piece(self, piece: Piece) -> EarlierPiece:
        """Returns the portions, shards and bad rows of a piece."""
        return self._pieces[piece.name]

    def shards(self, piece: EarlierPiece) -> list[list[str]]:
        """Returns the shards of each portion, as paths within the store."""
        return [[f"{self._dataset.address}/{name}" for name in names] for names in piece.shards]

    def ids(self, piece: EarlierPiece) -> pa.Array:
        """Returns the ids of all rows of a piece, good and bad."""
        schema = self._dataset.example_schema
        folder = self._store.reading(self._dataset, piece.all_shards)
        good = [open_shard(folder / name, schema).ids for name in piece.all_shards]
        bad = pa.array([row.id for row in piece.bad], pa.string())
        return pa.concat_arrays([*good, bad])


def earlier_dataset(question: Question, store: Store) -> EarlierDataset | None:
    """Returns a stored dataset of an earlier state of the source, from which pieces can be reused.

    Its stage version, configs and dataset name are those of the question. Of several such datasets,
    the one that shares most pieces with the question is returned, and the newest of equals. Returns
    None if no dataset shares a piece, or if the chosen dataset cannot be read.
    """
    counts = [(_shared(manifest, question), manifest) for manifest in manifests_of(Dataset, store)]
    count, best = max(counts, key=lambda pair: (pair[0], pair[1].created), default=(0, None))
    if best is None or not count:
        return None
    try:
        return EarlierDataset(Dataset.model_validate(best.artifact), best.question, store)
    except (CorruptArtifact, OSError):  # damaged or just removed: every piece is read again
        return None


def _shared(manifest: Manifest, question: Question) -> int:
    old = manifest.question
    if (old.name, old.version, old.configs) != (
        question.name,
        question.version,
        question.configs,
    ):
        return 0
    return sum(
        name in old.inputs and old.inputs[name].digest == piece.digest
        for name, piece in question.inputs.items()
    )


def _by_piece(portions: list[Portion], bad: list[BadRow]) -> dict[str, EarlierPiece]:
    """Returns a mapping from the name of a piece to its portions, shards and bad rows.

    Shards and bad rows are stored without their piece, but in the order of the portions.
    """
    pieces: dict[str, EarlierPiece] = {}
    shard_counts: dict[str, int] = defaultdict(int)
    num_bad = 0
    for portion in portions:
        if portion.piece not in pieces:
            piece_bad_rows = bad[num_bad : num_bad + portion.bad_rows]
            pieces[portion.piece] = EarlierPiece([], [], piece_bad_rows)
            num_bad += portion.bad_rows
        start = shard_counts[portion.split or ""]
        stop = shard_counts[portion.split or ""] = start + portion.shards
        names = [shard_name(portion.split or "", number) for number in range(start, stop)]
        pieces[portion.piece].portions.append(portion)
        pieces[portion.piece].shards.append(names)
    return pieces
