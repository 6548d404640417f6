"""The statistics of a prepared dataset, which are stored in files next to the shards."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.storage import Store

__all__ = [
    "ARRAYS_FILE",
    "SCALARS_FILE",
    "SplitStatistics",
    "read_statistics",
    "write_arrays",
    "write_scalars",
]

SCALARS_FILE = "statistics.json"
ARRAYS_FILE = "statistics.npz"
SCALARS = ("count", "mean", "std", "min", "max")


@dataclass(frozen=True)
class SplitStatistics:
    """Holds statistics of one split's raw values, as float64.

    `count` is the number of rows. `mean`, `std` (of the population), `min` and `max` are over all
    values. `position_mean` and `position_std` [*shape] are over the rows, at each position of an
    example; for images, `position_mean` is the mean image.
    """

    count: int
    mean: float
    std: float
    min: float
    max: float
    position_mean: np.ndarray
    position_std: np.ndarray


def read_statistics(dataset: Dataset, store: Store) -> dict[str, SplitStatistics]:
    """Reads the statistics of every split of a dataset, after checking the SHA-256 of the files."""
    folder = store.reading(dataset, [SCALARS_FILE, ARRAYS_FILE])
    scalars = json.loads((folder / SCALARS_FILE).read_text("utf-8"))
    with np.load(folder / ARRAYS_FILE, allow_pickle=False) as arrays:
        return {
            split: SplitStatistics(
                **numbers,
                position_mean=arrays[f"{split}_mean"],
                position_std=arrays[f"{split}_std"],
            )
            for split, numbers in scalars.items()
        }


def write_scalars(path: Path, statistics: Mapping[str, SplitStatistics]) -> None:
    """Writes count, mean, std, min and max of each split as JSON."""
    scalars = {
        split: {name: getattr(of_split, name) for name in SCALARS}
        for split, of_split in statistics.items()
    }
    path.write_text(json.dumps(scalars, indent=2, allow_nan=False) + "\n", "utf-8")


def write_arrays(path: Path, statistics: Mapping[str, SplitStatistics]) -> None:
    """Writes `<split>_mean` and `<split>_std` [*shape] of each split as a NumPy archive."""
    arrays = {}
    for split, of_split in statistics.items():
        arrays[f"{split}_mean"] = of_split.position_mean
        arrays[f"{split}_std"] = of_split.position_std
    with path.open("wb") as file:  # a file object, or NumPy would add .npz to the path's name
        np.savez(file, **arrays)
