"""Nearest neighbours in a feature set: exact, by the Euclidean distance of latents, in blocks."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import FeatureSet
from aeflow.errors import ConfigError
from aeflow.features import footer_of, label_of
from aeflow.storage import Store

__all__ = ["Neighbour", "nearest_in", "nearest_rows"]

BLOCK_BYTES = 8 * 2**20
"""Bytes of latents that are compared at once."""
LIKE, SHOWN = 100, 3
"""Of ids like one that is not there: how many are compared closely, and how many are named."""


@dataclass(frozen=True)
class Neighbour:
    """Names one row: its label or None, its distance from the row asked for.

    `shard` is the SHA-256 of the prepared shard that the row stands in.
    """

    id: str
    split: str
    label: int | None
    distance: float
    shard: str


def nearest_rows(features: FeatureSet, row_id: str, store: Store, *, num: int) -> list[Neighbour]:
    """Returns the row with that id, at a distance of 0, and then the `num` nearest to it.

    Memory is bounded by a block of latents, however large the set is. Of rows at one distance
    those that come first in the set come first. Raises ConfigError, with the ids most like it,
    where no row has that id.
    """
    if num < 1:
        raise ConfigError(f"A row has 1 neighbour or more, not {num}. Give --num 1 or more.")
    entries = store.manifest(features.address).files
    names = sorted(entry.name for entry in entries if entry.name.endswith(".parquet"))
    folder = store.reading(features, names)
    paths = [folder / name for name in names]
    query = _latent_of(row_id, paths, features, store)
    best: list[Neighbour] = []
    for path in paths:
        for block in _blocks(path, features, ["id", "label"]):
            best += _candidates(block, query, path, num=num + 1)  # the row itself is one
        best = sorted(best, key=lambda row: row.distance)[: num + 1]
    own = next((row for row in best if row.id == row_id), None)
    others = [row for row in best if row is not own]
    if own is None:  # more than `num` rows are the same as it
        own = next(_candidates_with(row_id, query, paths, features))
    return [own, *others[:num]]


def nearest_in(latents: np.ndarray, query: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places [K] of the rows of latents [N, D] nearest to a query [D], and distances.

    K is `num`, or N where that is less; the nearest is first, and of equals the first one.
    """
    differences = latents - query
    distances = np.sqrt(np.einsum("nd,nd->n", differences, differences))
    num = min(num, len(distances))
    # Those at the last distance are all taken, so that of equals the first ones are left.
    within = np.flatnonzero(distances <= np.partition(distances, num - 1)[num - 1])
    places = within[np.argsort(distances[within], kind="stable")][:num]
    return places, distances[places]


def _latent_of(row_id: str, paths: list[Path], features: FeatureSet, store: Store) -> np.ndarray:
    for path in paths:
        start = 0
        for ids in pq.ParquetFile(path).iter_batches(columns=["id"]):
            if (place := ids.column("id").index(row_id).as_py()) >= 0:
                return _latent_at(start + place, path, features)
            start += len(ids)
    raise ConfigError(
        f"No row of the features {features.key} in the store {store.url} has the id '{row_id}'. "
        f"Like it are: {', '.join(_ids_like(row_id, paths))}."
    )


def _latent_at(row: int, path: Path, features: FeatureSet) -> np.ndarray:
    start = 0
    for block in _blocks(path, features, []):
        if row < start + len(block):
            return _latents(block)[row - start]
        start += len(block)
    raise IndexError(row)


def _candidates_with(
    row_id: str, query: np.ndarray, paths: list[Path], features: FeatureSet
) -> Iterator[Neighbour]:
    for path in paths:
        for block in _blocks(path, features, ["id", "label"]):
            place = block.column("id").index(row_id).as_py()
            if place >= 0:
                yield from _candidates(block.slice(place, 1), query, path, num=1)


def _candidates(
    block: pa.RecordBatch, query: np.ndarray, path: Path, *, num: int
) -> list[Neighbour]:
    """Returns the rows of a block that are nearest."""
    places, distances = nearest_in(_latents(block), query, num)
    rows = block.select([n for n in ("id", "label") if n in block.schema.names]).take(
        pa.array(places)
    )
    split = next(p.name for p in path.parents if p.name.startswith("split="))
    label, shard = label_of(path), footer_of(path).source
    return [
        Neighbour(
            id=row["id"],
            split=split.removeprefix("split="),
            label=row.get("label", label),
            distance=distance,
            shard=shard,
        )
        for row, distance in zip(rows.to_pylist(), distances.tolist(), strict=True)
    ]


def _blocks(path: Path, features: FeatureSet, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Reads these columns, those of them that there are, and the latents, in bounded blocks."""
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    wanted = [name for name in names if name in (*columns, "latent") or name.startswith("z_")]
    rows = max(1, BLOCK_BYTES // (4 * features.latent_dim))
    return file.iter_batches(batch_size=rows, columns=wanted)


def _latents(block: pa.RecordBatch) -> np.ndarray:
    """Returns the latents of a block as [N, latent_dim], whichever layout it has."""
    if "latent" in block.schema.names:
        return block.column("latent").flatten().to_numpy().reshape(len(block), -1)
    numbers = [name for name in block.schema.names if name.startswith("z_")]
    return np.column_stack([block.column(name).to_numpy() for name in numbers])


def _ids_like(row_id: str, paths: list[Path]) -> list[str]:
    """Returns the ids most like one: first those that begin alike, of these the most similar."""
    batches = (b for path in paths for b in pq.ParquetFile(path).iter_batches(columns=["id"]))
    ids = (name for batch in batches for name in batch.column("id").to_pylist())
    alike = heapq.nlargest(LIKE, ids, key=lambda name: _shared_start(name, row_id))
    return heapq.nlargest(SHOWN, alike, key=lambda n: SequenceMatcher(None, n, row_id).ratio())


def _shared_start(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
