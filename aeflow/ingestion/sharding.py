"""Writes the rows of a split into Arrow shards of bounded size."""

from collections.abc import Sequence

import numpy as np

from aeflow.datasets.shards import shard_name, write_shard
from aeflow.ingestion.statistics import Gathering
from aeflow.storage import Draft

__all__ = ["SplitWriter"]


class SplitWriter:
    """Takes the good rows of one split in their order, and gathers their statistics.

    Its caller ends a shard where a piece ends, so that no shard spans two of them.
    """

    def __init__(self, split: str, draft: Draft, shard_bytes: int):
        self.statistics = Gathering()
        self.has_labels = True
        self._split = split
        self._draft = draft
        self._shard_bytes = shard_bytes
        self._num_shards = 0
        self._ids: list[str] = []
        self._features: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def add(self, ids: Sequence[str], features: np.ndarray, labels: np.ndarray | None) -> None:
        """Takes rows: ids [N], features [N, *shape], labels [N] or None."""
        self.statistics.add(features)
        self.has_labels = self.has_labels and labels is not None
        capacity = max(1, self._shard_bytes // features[0].nbytes)
        start = 0
        while start < len(ids):
            stop = start + capacity - len(self._ids)
            self._ids += ids[start:stop]
            self._features.append(features[start:stop])
            self._labels += [] if labels is None else [labels[start:stop]]
            start = stop
            if len(self._ids) == capacity:
                self.end_shard()

    def end_shard(self) -> None:
        """Writes the rows that wait, if there are any."""
        if not self._ids:
            return
        with self._draft.writing(shard_name(self._split, self._num_shards)) as path:
            write_shard(
                path,
                ids=self._ids,
                features=np.concatenate(self._features),
                labels=np.concatenate(self._labels) if self._labels else None,
            )
        self._num_shards += 1
        self._ids, self._features, self._labels = [], [], []
