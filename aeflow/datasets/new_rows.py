"""The rows of a dataset that an earlier dataset does not have."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import Shard, open_shard, split_of
from aeflow.storage import Store

__all__ = ["new_rows"]

SEED = 0
BLOCK_BYTES = 16 * 1024 * 1024


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
    """Returns a hash of the id and the values of each row, as unsigned 64-bit integers [N].

    It is a sum of random weights times the bytes of the id and the words of the values. Two rows
    that differ have the same hash with a probability of about 2^-55.
    """
    flat = shard.features.reshape(shard.rows, -1)
    words = flat.view(np.uint32) if flat.dtype == np.float32 else flat
    weights = _weights(words.shape[1], SEED)
    block = max(1, BLOCK_BYTES // (8 * words.shape[1]))
    parts = [
        (words[start : start + block].astype(np.uint64) * weights).sum(axis=1)
        for start in range(0, shard.rows, block)
    ]
    return np.concatenate(parts) + _hashes_of_ids(shard.ids)


def _hashes_of_ids(ids: pa.StringArray) -> np.ndarray:
    names = [name.encode() for name in ids.to_pylist()]
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    ends = np.cumsum(lengths)
    text = np.frombuffer(b"".join(names), np.uint8).astype(np.uint64)
    positions = np.arange(len(text)) - np.repeat(ends - lengths, lengths)
    weights = _weights(int(lengths.max(initial=0)), SEED + 1)
    sums = np.cumsum(np.append(np.uint64(0), (text + np.uint64(1)) * weights[positions]))
    return sums[ends] - sums[ends - lengths]


def _weights(count: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)
    return drawn | np.uint64(1)
