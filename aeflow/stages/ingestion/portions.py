"""The portions of a dataset: a portion is what one piece of the source added to one split.

Portions are stored with the dataset, so that later datasets can reuse its pieces.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.stages.ingestion.statistics import RunningStatistics

__all__ = ["PORTIONS_FILE", "Portion", "read_portions", "write_portions"]

PORTIONS_FILE = "portions.parquet"
SCHEMA = pa.schema(
    [
        pa.field("piece", pa.string(), nullable=False),
        pa.field("own_split", pa.string()),
        pa.field("bad_rows", pa.int64(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("shards", pa.int64(), nullable=False),
        pa.field("has_labels", pa.bool_(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("min", pa.float64(), nullable=False),
        pa.field("max", pa.float64(), nullable=False),
        pa.field("mean", pa.list_(pa.float64()), nullable=False),
        pa.field("squares", pa.list_(pa.float64()), nullable=False),
    ]
)


@dataclass(frozen=True)
class Portion:
    """Holds what one piece contributed to one split.

    If no row of a piece is used, the piece has one portion with the split None. `own_split` is the
    split that the source gives the piece. `bad_rows` counts the bad rows of the whole piece.
    `statistics` are over the rows of the portion.
    """

    piece: str
    own_split: str | None
    bad_rows: int
    split: str | None = None
    shards: int = 0
    has_labels: bool = True
    statistics: RunningStatistics = field(default_factory=RunningStatistics)


def write_portions(path: Path, portions: Iterable[Portion]) -> None:
    """Writes a Parquet file with one row for each portion, in the given order."""
    rows = [
        {
            "piece": portion.piece,
            "own_split": portion.own_split,
            "bad_rows": portion.bad_rows,
            "split": portion.split,
            "shards": portion.shards,
            "has_labels": portion.has_labels,
            "rows": portion.statistics.count,
            "min": portion.statistics.min,
            "max": portion.statistics.max,
            "mean": portion.statistics.mean.ravel(),
            "squares": portion.statistics.squares.ravel(),
        }
        for portion in portions
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, compression="zstd")


def read_portions(path: Path, shape: tuple[int, ...]) -> list[Portion]:
    """Reads portions from a Parquet file; `shape` is the shape of one example."""
    return [
        Portion(
            piece=row["piece"],
            own_split=row["own_split"],
            bad_rows=row["bad_rows"],
            split=row["split"],
            shards=row["shards"],
            has_labels=row["has_labels"],
            statistics=_statistics(row, shape) if row["rows"] else RunningStatistics(),
        )
        for row in pq.read_table(path).to_pylist()
    ]


def _statistics(row: dict[str, Any], shape: tuple[int, ...]) -> RunningStatistics:
    return RunningStatistics(
        count=row["rows"],
        mean=np.array(row["mean"], dtype=np.float64).reshape(shape),
        squares=np.array(row["squares"], dtype=np.float64).reshape(shape),
        min=row["min"],
        max=row["max"],
    )
