"""The validation of rows: good rows are finite and have the same shape and type.

All other rows are bad and go to quarantine. If more rows are bad than `max_bad_fraction` allows,
the ingestion fails.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Features, Rows, Undecodable
from aeflow.errors import SourceError

__all__ = ["QUARANTINE_FILE", "BadRow", "Validation"]

QUARANTINE_FILE = "quarantine.parquet"
NUM_NAMED = 3
NUMBERS = "buif"


@dataclass(frozen=True)
class BadRow:
    """Describes a bad row; `reason` is undecodable, wrong_type, wrong_shape or non_finite."""

    id: str
    split: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.id} ({self.reason}: {self.detail})"


class Validation:
    """Separates good rows from bad rows. All rows must have the first good row's shape and type."""

    def __init__(self, config: IngestConfig, total: int):
        self._fraction = config.max_bad_fraction
        self._budget = math.floor(config.max_bad_fraction * total + 1e-9)
        self._total = total
        self._ids: list[pa.Array] = []
        self.bad: list[BadRow] = []
        self.num_bad = 0
        self.shape: tuple[int, ...] = ()
        self.dtype: np.dtype | None = None

    def good(self, rows: Rows, splits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the indices [G] of the good rows in a block, and their features [G, *shape]."""
        self._ids.append(pa.array(rows.ids, pa.string()))
        features = _as_block(rows.features)
        if isinstance(features, np.ndarray):
            return self._good_block(rows.ids, splits, features)
        good, arrays = [], []
        for row, example in enumerate(features):
            stored = self._good_example(rows.ids[row], splits[row], example)
            if stored is not None:
                good.append(row)
                arrays.append(stored)
        return np.array(good, dtype=np.int64), np.stack(arrays) if arrays else np.empty(0)

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Returns whether stored rows of this shape and type would also be good in this dataset."""
        return self.dtype is None or (self.shape, self.dtype) == (shape, dtype)

    def adopt(
        self, ids: pa.Array, bad: Sequence[BadRow], *, shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        """Adds the rows of a reused piece, which an earlier ingestion has validated.

        `ids` are the ids of all these rows, and `bad` are the bad rows among them. `shape` and
        `dtype` are those of the good rows.
        """
        self._ids.append(ids)
        self.bad += bad
        self.num_bad += len(bad)
        if len(ids) > len(bad):
            self.shape, self.dtype = shape, dtype

    def check(self) -> None:
        """Raises SourceError if more rows are bad than the config allows, or if an id repeats."""
        if self.num_bad > self._budget:
            named_rows = "; ".join(str(row) for row in self.bad[:NUM_NAMED])
            raise SourceError(
                f"{self.num_bad} of {self._total} rows are bad, {self._budget} are allowed "
                f"(max_bad_fraction {self._fraction:g}): {named_rows}"
                f"{'; ...' if self.num_bad > NUM_NAMED else ''}. Correct these rows, or put "
                f"them into quarantine with --max-bad-fraction {self._enough():g}."
            )
        ids = pa.chunked_array(self._ids, pa.string())
        if len(ids.unique()) < len(ids):
            counts = ids.value_counts().to_pylist()
            duplicates = [name["values"] for name in counts if name["counts"] > 1]
            raise SourceError(
                f"{len(duplicates)} ids occur in more than one row, such as "
                f"{', '.join(repr(name) for name in duplicates[:NUM_NAMED])}. Give each row its "
                "own id."
            )

    def write_quarantine(self, path: Path) -> None:
        """Writes a Parquet file with the id, split, reason and detail of each bad row."""
        names = ("id", "split", "reason", "detail")
        columns = {name: [getattr(row, name) for row in self.bad] for name in names}
        schema = pa.schema([(name, pa.string()) for name in names])
        pq.write_table(pa.table(columns, schema=schema), path, compression="zstd")

    def _enough(self) -> float:
        """Returns the least `max_bad_fraction`, to three decimals, that allows these bad rows."""
        return min(0.999, math.ceil(1000 * self.num_bad / self._total) / 1000)

    def _good_block(
        self, ids: Sequence[str], splits: np.ndarray, features: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        problem = self._problem(features.shape[1:], features.dtype)
        if problem:
            for name, split in zip(ids, splits, strict=True):
                self._quarantine(name, split, *problem)
            return np.empty(0, dtype=np.int64), features[:0]
        stored = _stored(features)
        finite = np.isfinite(stored.reshape(len(stored), -1)).all(axis=1)
        for row in np.flatnonzero(~finite).tolist():
            self._quarantine(ids[row], splits[row], "non_finite", _not_finite(stored[row]))
        if finite.any():
            self._set_schema(stored)
        return np.flatnonzero(finite), stored if finite.all() else stored[finite]

    def _good_example(
        self, name: str, split: str, example: np.ndarray | Undecodable
    ) -> np.ndarray | None:
        if isinstance(example, Undecodable):
            self._quarantine(name, split, "undecodable", example.reason)
            return None
        good, features = self._good_block([name], np.array([split]), example[None])
        return features[0] if len(good) else None

    def _problem(self, shape: tuple[int, ...], dtype: np.dtype) -> tuple[str, str] | None:
        if dtype.kind not in NUMBERS:
            return "wrong_type", f"{dtype} is no type of numbers"
        stored = _stored_type(dtype)
        if self.dtype is not None and stored != self.dtype:
            return "wrong_type", f"{stored} among rows of {self.dtype}"
        if self.dtype is not None and shape != self.shape:
            return "wrong_shape", f"{shape} among rows of {self.shape}"
        if len(shape) not in (1, 3) or 0 in shape:
            return "wrong_shape", f"{shape} is neither a vector [D] nor an image [H, W, C]"
        return None

    def _set_schema(self, stored: np.ndarray) -> None:
        self.shape, self.dtype = stored.shape[1:], stored.dtype

    def _quarantine(self, name: str, split: str, reason: str, detail: str) -> None:
        self.num_bad += 1
        if self.num_bad <= self._budget + NUM_NAMED:  # beyond that, ingestion fails: only count
            self.bad.append(BadRow(name, split, reason, detail))


def _as_block(features: Features) -> Features:
    """Returns the examples as one array if all have one shape and type, else unchanged.

    One array is validated many times faster.
    """
    if isinstance(features, np.ndarray):
        return features
    arrays = [example for example in features if isinstance(example, np.ndarray)]
    kinds = {(example.shape, example.dtype) for example in arrays}
    alike = len(kinds) == 1 and len(arrays) == len(features)
    return np.stack(arrays) if alike else features


def _stored_type(dtype: np.dtype) -> np.dtype:
    return dtype if dtype == np.uint8 else np.dtype(np.float32)


def _stored(features: np.ndarray) -> np.ndarray:
    """Returns the features in their stored type; values too large for float32 become infinite."""
    with np.errstate(over="ignore"):
        return features.astype(_stored_type(features.dtype), copy=False)


def _not_finite(example: np.ndarray) -> str:
    flat = example.ravel()
    places = np.flatnonzero(~np.isfinite(flat))
    return f"{len(places)} of {flat.size} values, the first {flat[places[0]]} at {places[0]}"
