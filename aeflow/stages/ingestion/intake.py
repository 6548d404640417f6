"""The intake of a source: each piece in order is read or reused, and added to a draft."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Piece, Rows, Source
from aeflow.datasets.statistics import SplitStatistics
from aeflow.errors import SourceError
from aeflow.stages.ingestion.growth import EarlierDataset
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
        """Reads a piece and adds its rows. `on_rows` is called with the row count of each block."""
        before = self._validation.num_bad
        for rows in source.read(piece):
            row_splits = self._splits.of(piece, rows.ids)
            good, features = self._validation.good(rows, row_splits)
            is_used = self._is_used(rows, good, row_splits[good])
            for split in np.unique(row_splits[good][is_used]):
                in_split = is_used & (row_splits[good] == split)
                _add(self._writer(split), rows, good, features, in_split)
            on_rows(len(rows.ids))
        bad_rows = self._validation.num_bad - before
        new_portions = [writer.end_piece(piece, bad_rows) for writer in self._writers.values()]
        empty_portion = Portion(piece.name, piece.split, bad_rows)
        self.portions += [portion for portion in new_portions if portion] or [empty_portion]

    def adopt(self, piece: Piece, earlier: EarlierDataset) -> None:
        """Adds the rows of a piece by reusing its shards from an earlier dataset."""
        old_piece = earlier.piece(piece)
        self._validation.adopt(
            earlier.ids(old_piece), old_piece.bad, shape=earlier.shape, dtype=earlier.dtype
        )
        for portion, names in zip(old_piece.portions, earlier.shards(old_piece), strict=True):
            if portion.split:
                self._writer(portion.split).adopt(portion, names)
        self.portions += old_piece.portions

    def statistics(self) -> dict[str, SplitStatistics]:
        """Returns the statistics of each split."""
        return {
            split: self._writers[split].statistics.result() for split in _in_order(self._writers)
        }

    def _is_used(self, rows: Rows, good: np.ndarray, row_splits: np.ndarray) -> np.ndarray:
        """Returns booleans [G], which are true for the good rows that are used.

        If the config sets `train_label`, train and validation use only the rows with that label.
        """
        label = self._config.train_label
        if label is None:
            return np.ones(len(good), dtype=bool)
        if rows.labels is None:
            raise SourceError(
                f"train_label {label} needs a label on each row, but '{self._config.source}' has "
                "rows without one. Give a source with labels, or leave out train_label."
            )
        return (rows.labels[good] == label) | ~np.isin(row_splits, TRAINING)

    def _writer(self, split: str) -> SplitWriter:
        if split not in self._writers:
            self._writers[split] = SplitWriter(split, self._draft, self._config.shard_bytes)
        return self._writers[split]


def _add(
    writer: SplitWriter, rows: Rows, good: np.ndarray, features: np.ndarray, mask: np.ndarray
) -> None:
    """Adds the good rows that `mask` selects, and their features, to the split of the writer."""
    indices = good[mask]
    writer.add(
        ids=[rows.ids[row] for row in indices.tolist()],
        features=features[mask],
        labels=None if rows.labels is None else rows.labels[indices],
    )


def _in_order(splits: Iterable[str]) -> list[str]:
    """Returns the splits sorted: train, validation and test before all others."""
    order = {"train": 0, "validation": 1, "test": 2}
    return sorted(splits, key=lambda split: (order.get(split, len(order)), split))
