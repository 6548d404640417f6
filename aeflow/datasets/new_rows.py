"""The rows of a dataset that an earlier dataset does not have."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import Shard, open_shard, split_of
from aeflow.storage import Store

__all__ = ["count_new_rows", "new_rows"]


def new_rows(dataset: Dataset, earlier: Dataset, store: Store) -> dict[str, np.ndarray]:
    """Returns which rows of each shard are new, as booleans [rows] by the shard's name.

    A row is new if the earlier dataset has no row with the same id and the same values. So a row
    that was corrected is new. Shards that the earlier dataset has too hold no new rows. They are
    not read, and are left out of the result. Of all other shards of the earlier dataset, 8 bytes a
    row are kept in memory.
    """
    ours, theirs = (_digests(one, store) for one in (dataset, earlier))
    gone = [name for name, digest in theirs.items() if digest not in ours.values()]
    changed = [name for name, digest in ours.items() if digest not in theirs.values()]
    hashes = [_hashes(shard) for _, shard in _opened(earlier, gone, store)] if changed else []
    known = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes]))
    return {
        name: ~_is_in(known, _hashes(shard)) for name, shard in _opened(dataset, changed, store)
    }


def count_new_rows(dataset: Dataset, earlier: Dataset, store: Store) -> int:
    """Returns the number of rows of a dataset that are new."""
    return sum(int(mask.sum()) for mask in new_rows(dataset, earlier, store).values())


def _digests(dataset: Dataset, store: Store) -> dict[str, str]:
    files = store.manifest(dataset.address).files
    return {entry.name: entry.sha256 for entry in files if split_of(entry.name)}


def _opened(dataset: Dataset, names: list[str], store: Store) -> Iterable[tuple[str, Shard]]:
    folder = store.reading(dataset, names)
    return ((name, open_shard(folder / name, dataset.example_schema)) for name in names)


def _is_in(known: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Returns booleans [N]: whether each hash is among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return known[places] == hashes


def _hashes(shard: Shard) -> np.ndarray:
    """Returns a hash of the id and the values of each row, as unsigned 64-bit integers [N]."""
    rows = zip(shard.features, shard.ids.to_pylist(), strict=True)
    digests = (blake2b(row.tobytes() + name.encode(), digest_size=8).digest() for row, name in rows)
    return np.frombuffer(b"".join(digests), np.uint64)
