"""The intake of a source's pieces into a draft, in order: each piece is read or reused."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Piece, Rows, Source
from aeflow.datasets.statistics import SplitStatistics
from aeflow.errors import SourceError
from aeflow.stages.ingestion.growth import Earlier
from aeflow.stages.ingestion.portions import Portion
from aeflow.stages.ingestion.sharding import SplitWriter
from aeflow.stages.ingestion.splits import Splits
from aeflow.stages.ingestion.validation import Validation
from aeflow.storage import Draft

__all__ = ["Intake"]

TRAINING = ("train", "validation")


class Intake:
    """Writes the shards of all splits, and records what each piece contributed to each split."""

    def __init__(
        self, config: IngestConfig, draft: Draft, *, splits: Splits, validation: Validation
    ):
        self.portions: list[Portion] = []
        self._config = config
        self._draft = draft
        self._splits = splits
        self._validation = validation
        self._writers: dict[str, SplitWriter] = {}

    @property
    def has_labels(self) -> bool:
        """Whether every row has a label."""
        return all(writer.has_labels for writer in self._writers.values())

    def read(self, source: Source, piece: Piece, on_rows: Callable[[int], Any]) -> None:
        """Reads a piece; `on_rows` is called with the number of rows in each block."""
        before = self._validation.num_bad
        for rows in source.read(piece):
            assigned = self._splits.of(piece, rows.ids)
            good, features = self._validation.good(rows, assigned)
            is_asked = self._is_asked(rows, good, assigned[good])
            for split in np.unique(assigned[good][is_asked]):
                chosen = is_asked & (assigned[good] == split)
                _add(self._writer(split), rows, good, features, chosen)
            on_rows(len(rows.ids))
        bad_rows = self._validation.num_bad - before
        given = [writer.end_piece(piece, bad_rows) for writer in self._writers.values()]
        nothing = Portion(piece.name, piece.split, bad_rows)
        self.portions += [portion for portion in given if portion] or [nothing]

    def adopt(self, piece: Piece, earlier: Earlier) -> None:
        """Reuses a piece from an earlier dataset."""
        known = earlier.known(piece)
        self._validation.adopt(
            earlier.ids(known), known.bad, shape=earlier.shape, dtype=earlier.dtype
        )
        for portion, names in zip(known.portions, earlier.shards(known), strict=True):
            if portion.split:
                self._writer(portion.split).adopt(portion, names)
        self.portions += known.portions

    def statistics(self) -> dict[str, SplitStatistics]:
        """Returns the statistics of each split."""
        return {
            split: self._writers[split].statistics.result() for split in _in_order(self._writers)
        }

    def _is_asked(self, rows: Rows, good: np.ndarray, assigned: np.ndarray) -> np.ndarray:
        """Returns booleans [G]: whether each good row is used.

        If the config sets `train_label`, the splits train and validation use only that label.
        """
        label = self._config.train_label
        if label is None:
            return np.ones(len(good), dtype=bool)
        if rows.labels is None:
            raise SourceError(
                f"train_label {label} needs a label on each row, but '{self._config.source}' has "
                "rows without one. Give a source with labels, or leave out train_label."
            )
        return (rows.labels[good] == label) | ~np.isin(assigned, TRAINING)

    def _writer(self, split: str) -> SplitWriter:
        if split not in self._writers:
            self._writers[split] = SplitWriter(split, self._draft, self._config.shard_bytes)
        return self._writers[split]


def _add(
    writer: SplitWriter, rows: Rows, good: np.ndarray, features: np.ndarray, chosen: np.ndarray
) -> None:
    """Adds to a split those good rows, with their features, that are `chosen`."""
    numbers = good[chosen]
    writer.add(
        ids=[rows.ids[row] for row in numbers.tolist()],
        features=features[chosen],
        labels=None if rows.labels is None else rows.labels[numbers],
    )


def _in_order(splits: Iterable[str]) -> list[str]:
    """Returns the splits sorted: train, validation and test before all others."""
    usual = {"train": 0, "validation": 1, "test": 2}
    return sorted(splits, key=lambda split: (usual.get(split, len(usual)), split))
