"""A writer for one split, which divides the rows into Arrow shards of bounded size."""

from collections.abc import Sequence

import numpy as np

from aeflow.datasets.shards import shard_name, write_shard
from aeflow.datasets.sources import Piece
from aeflow.stages.ingestion.portions import Portion
from aeflow.stages.ingestion.statistics import RunningStatistics
from aeflow.storage import Draft

__all__ = ["SplitWriter"]


class SplitWriter:
    """Writes the good rows of one split in their order, and accumulates their statistics.

    The caller must call `end_piece` after each piece, so that no shard spans two pieces.
    """

    def __init__(self, split: str, draft: Draft, shard_bytes: int):
        self.statistics = RunningStatistics()
        self.has_labels = True
        self._split = split
        self._draft = draft
        self._shard_bytes = shard_bytes
        self._num_shards = 0
        self._begin_piece()

    def add(self, ids: Sequence[str], features: np.ndarray, labels: np.ndarray | None) -> None:
        """Adds rows: ids [N], features [N, *shape], labels [N] or None."""
        self._piece_statistics.add(features)
        self._piece_has_labels = self._piece_has_labels and labels is not None
        capacity = max(1, self._shard_bytes // features[0].nbytes)
        start = 0
        while start < len(ids):
            stop = start + capacity - len(self._ids)
            self._ids += ids[start:stop]
            self._features.append(features[start:stop])
            self._labels += [] if labels is None else [labels[start:stop]]
            start = stop
            if len(self._ids) == capacity:
                self._end_shard()

    def end_piece(self, piece: Piece, bad_rows: int) -> Portion | None:
        """Writes the buffered rows of a piece, and returns what the piece added to this split.

        Returns None if the piece added no rows.
        """
        if not self._piece_statistics.count:
            return None
        if self._ids:
            self._end_shard()
        portion = Portion(
            piece.name,
            piece.split,
            bad_rows,
            split=self._split,
            shards=self._num_shards - self._first_shard,
            has_labels=self._piece_has_labels,
            statistics=self._piece_statistics,
        )
        self._count_in(portion)
        self._begin_piece()
        return portion

    def adopt(self, portion: Portion, shards: Sequence[str]) -> None:
        """Reuses a piece's shards from an earlier dataset; `shards` are paths within the store."""
        for shard in shards:
            self._draft.adopt(shard_name(self._split, self._num_shards), shard)
            self._num_shards += 1
        self._count_in(portion)
        self._begin_piece()

    def _begin_piece(self) -> None:
        self._first_shard = self._num_shards
        self._piece_statistics = RunningStatistics()
        self._piece_has_labels = True
        self._ids: list[str] = []
        self._features: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def _count_in(self, portion: Portion) -> None:
        self.statistics.merge(portion.statistics)
        self.has_labels = self.has_labels and portion.has_labels

    def _end_shard(self) -> None:
        with self._draft.writing(shard_name(self._split, self._num_shards)) as path:
            write_shard(
                path,
                ids=self._ids,
                features=np.concatenate(self._features),
                labels=np.concatenate(self._labels) if self._labels else None,
            )
        self._num_shards += 1
        self._ids, self._features, self._labels = [], [], []
