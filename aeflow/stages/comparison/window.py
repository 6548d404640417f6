"""The new rows of a dataset and the rows of the nights before them, encoded by one model.

A night is as many rows as are new, with the same part of each split. The last rows of a split are
taken as the most recent ones, because sources grow at their end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aeflow.artifacts import Dataset, Model
from aeflow.datasets.new_rows import new_rows
from aeflow.datasets.shards import Shard, open_shard, shard_names, split_of
from aeflow.models import Inference, load_model
from aeflow.models.inference import Encoded
from aeflow.stages import Work
from aeflow.stages.comparison.new_rows import NUM_NIGHTS, NightRows

__all__ = ["Window"]

MAX_NEW_ROWS = 100_000
ROWS_A_NIGHT = 500
"""Larger nights are thinned out evenly to about as many rows."""
SEEN = "train"
"""The split of the rows that a model was trained on."""


@dataclass(frozen=True)
class Window:
    """Holds which rows of a dataset are new, as booleans by shard, and encodes them."""

    model: Model
    dataset: Dataset
    work: Work
    masks: dict[str, np.ndarray]

    @classmethod
    def since(cls, earlier: Dataset, *, model: Model, dataset: Dataset, work: Work) -> "Window":
        """Returns the window of the rows that an earlier dataset does not have."""
        return cls(model, dataset, work, new_rows(dataset, earlier, work.store))

    @cached_property
    def num_new(self) -> int:
        """The number of new rows."""
        return sum(int(mask.sum()) for mask in self.masks.values())

    @property
    def num_nights(self) -> int:
        """The number of nights before the new rows, at most 28."""
        num_old = sum(self.dataset.rows.values()) - self.num_new
        return min(NUM_NIGHTS, num_old // self.num_new)

    @property
    def num_rows(self) -> int:
        """The largest number of rows that are encoded."""
        return self.num_new + self.num_nights * min(2 * ROWS_A_NIGHT, self.num_new)

    def new(self, on_rows: Callable[[int], None]) -> NightRows:
        """Encodes the new rows of all splits, at most 100,000 of them."""
        step = -(-self.num_new // MAX_NEW_ROWS)
        parts = [
            self._encode(self._shard(name), np.flatnonzero(mask)[::step], on_rows)
            for name, mask in self.masks.items()
            if mask.any()
        ]
        rows = _joined(parts)
        return NightRows(rows.latents, rows.errors, np.ones(len(rows.errors), dtype=bool))

    def nights(self, on_rows: Callable[[int], None]) -> list[NightRows]:
        """Encodes the rows of the nights before the new rows; the last night is the first."""
        parts: list[list[tuple[str, Encoded]]] = [[] for _ in range(self.num_nights)]
        step = max(1, self.num_new // ROWS_A_NIGHT)
        num_old = sum(self.dataset.rows.values()) - self.num_new
        for split, rows in self.dataset.rows.items():
            num_new = sum(int(m.sum()) for name, m in self.masks.items() if split_of(name) == split)
            portion = (rows - num_new) * self.num_new // num_old if num_old else 0
            positions = np.arange(0, portion * self.num_nights, step)
            if len(positions):
                encoded = self._encode_from_end(split, positions, on_rows)
                for number, part in enumerate(parts):
                    is_here = positions // portion == number
                    own = Encoded(encoded.latents[is_here], encoded.errors[is_here])
                    part.append((split, own))
        return [_night(part) for part in parts if part]

    def _encode_from_end(
        self, split: str, positions: np.ndarray, on_rows: Callable[[int], None]
    ) -> Encoded:
        """Encodes old rows of a split. Their positions, ascending, count from its last old row."""
        parts, start = [], 0
        for name in reversed(shard_names(self.dataset, split, self.work.store)):
            if start > positions[-1]:
                break
            shard = self._shard(name)
            is_new = self.masks.get(name, np.zeros(shard.rows, dtype=bool))
            backwards = np.flatnonzero(~is_new)[::-1]
            here = positions[(positions >= start) & (positions < start + len(backwards))]
            if len(here):
                parts.append(self._encode(shard, backwards[here - start], on_rows))
            start += len(backwards)
        return _joined(parts)

    def _encode(self, shard: Shard, rows: np.ndarray, on_rows: Callable[[int], None]) -> Encoded:
        return self._inference.encode(shard.features[rows], on_rows)

    def _shard(self, name: str) -> Shard:
        folder = self.work.store.reading(self.dataset, [name])
        return open_shard(folder / name, self.dataset.example_schema)

    @cached_property
    def _inference(self) -> Inference:
        network = load_model(self.model, self.work.store, cpu=self.work.machine.cpu)
        batch_size = self.work.runtime.encode_batch_size
        return Inference(network, self.dataset.example_schema, batch_size)


def _night(parts: list[tuple[str, Encoded]]) -> NightRows:
    rows = _joined([part for _, part in parts])
    unseen = [np.full(len(part.errors), split != SEEN) for split, part in parts]
    return NightRows(rows.latents, rows.errors, np.concatenate(unseen))


def _joined(parts: list[Encoded]) -> Encoded:
    latents = np.concatenate([part.latents for part in parts])
    return Encoded(latents, np.concatenate([part.errors for part in parts]))
