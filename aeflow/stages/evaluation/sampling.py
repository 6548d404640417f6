"""A reproducible sample of a split's rows, read shard by shard."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import open_split
from aeflow.storage import Store

__all__ = ["Sample", "read_places", "sampled_places"]

SEED = 0


@dataclass(frozen=True)
class Sample:
    """Holds rows [N, *shape] as stored, with their ids and, if the rows are labelled, labels."""

    rows: np.ndarray
    ids: pa.Array
    labels: pa.Array | None


def sampled_places(total: int, max_rows: int) -> np.ndarray:
    """Returns the ascending indices of all rows, or of a random sample of `max_rows` rows.

    A sample is drawn, with a fixed seed, only if `total` exceeds `max_rows`.
    """
    if total <= max_rows:
        return np.arange(total)
    return np.sort(np.random.default_rng(SEED).choice(total, max_rows, replace=False))


def read_places(
    dataset: Dataset, split: str, store: Store, *, places: np.ndarray
) -> Iterator[Sample]:
    """Yields the rows of a split at the ascending indices `places`.

    There is one sample for each shard that contains at least one of these rows.
    """
    start = 0
    for shard in open_split(dataset, split, store):
        low, high = np.searchsorted(places, (start, start + shard.rows))
        offsets = places[low:high] - start
        if len(offsets):
            yield Sample(
                rows=shard.features[offsets],
                ids=shard.ids.take(pa.array(offsets)),
                labels=None if shard.labels is None else shard.labels.take(pa.array(offsets)),
            )
        start += shard.rows
