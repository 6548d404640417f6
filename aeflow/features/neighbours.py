"""Exact nearest neighbours in a feature set, by the Euclidean distance between latents."""

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
from aeflow.features.contract import footer_of, label_of
from aeflow.storage import Store

__all__ = ["Neighbour", "nearest_in", "nearest_rows"]

BLOCK_BYTES = 8 * 2**20
"""Bytes of latents that are compared at once."""
LIKE, SHOWN = 100, 3
"""For an unknown id: how many similar ids are compared closely, and how many are shown."""


@dataclass(frozen=True)
class Neighbour:
    """Describes one row: its label or None, and its distance from the query row.

    `shard` is the SHA-256 of the prepared shard that contains the row.
    """

    id: str
    split: str
    label: int | None
    distance: float
    shard: str


def nearest_rows(features: FeatureSet, row_id: str, store: Store, *, num: int) -> list[Neighbour]:
    """Returns the row `row_id`, at a distance of 0, and then the `num` rows nearest to this row.

    Latents are read in blocks, so the memory needed does not grow with the size of the set. Rows
    at the same distance keep their order in the set. If no row has this id, raises ConfigError,
    which lists the most similar ids.
    """
    if num < 1:
        raise ConfigError(f"At least 1 neighbour is needed, not {num}. Give --num 1 or more.")
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
    if own is None:  # more than `num` rows have the same latents
        own = next(_candidates_with(row_id, query, paths, features))
    return [own, *others[:num]]


def nearest_in(latents: np.ndarray, query: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices [K] of the latents [N, D] nearest to a query [D], and distances [K].

    K is the smaller of `num` and N. The nearest row is first. Rows at the same distance keep their
    order.
    """
    differences = latents - query
    distances = np.sqrt(np.einsum("nd,nd->n", differences, differences))
    num = min(num, len(distances))
    # All rows at the K-th distance are candidates, so that the first ones of them are returned.
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
        f"Similar ids: {', '.join(_ids_like(row_id, paths))}."
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
    """Returns the `num` rows of a block that are nearest to the query."""
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
    """Reads the latents, and these columns if they exist, in blocks of bounded size."""
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    column_names = [name for name in names if name in (*columns, "latent") or name.startswith("z_")]
    rows = max(1, BLOCK_BYTES // (4 * features.latent_dim))
    return file.iter_batches(batch_size=rows, columns=column_names)


def _latents(block: pa.RecordBatch) -> np.ndarray:
    """Returns the latents of a block as [N, latent_dim], for either layout."""
    if "latent" in block.schema.names:
        return block.column("latent").flatten().to_numpy().reshape(len(block), -1)
    dimensions = [name for name in block.schema.names if name.startswith("z_")]
    return np.column_stack([block.column(name).to_numpy() for name in dimensions])


def _ids_like(row_id: str, paths: list[Path]) -> list[str]:
    """Returns the ids most like `row_id`, of the 100 ids that share the longest prefix with it."""
    batches = (b for path in paths for b in pq.ParquetFile(path).iter_batches(columns=["id"]))
    ids = (name for batch in batches for name in batch.column("id").to_pylist())
    alike = heapq.nlargest(LIKE, ids, key=lambda name: _shared_start(name, row_id))
    return heapq.nlargest(SHOWN, alike, key=lambda n: SequenceMatcher(None, n, row_id).ratio())


def _shared_start(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
