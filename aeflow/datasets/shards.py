"""The shards of a dataset: Arrow IPC files of one record batch each, read through memory maps.

Columns: `id: string`, `features: fixed_size_list<uint8 or float32>[H * W * C or D]`, and `label`
if the rows have labels. Values are raw, as they are in the source.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from aeflow.artifacts import Dataset, Model
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.schema import ExampleSchema
from aeflow.storage import Store

__all__ = [
    "Shard",
    "check_fits",
    "open_shard",
    "open_split",
    "read_examples",
    "shard_name",
    "shard_names",
    "split_of",
    "write_shard",
]

SHARD_FILE = re.compile(r"(.+)-\d{5,}\.arrow")


@dataclass(frozen=True)
class Shard:
    """Holds one shard: ids [N], memory-mapped features [N, *shape], labels [N] or None."""

    ids: pa.StringArray
    features: np.ndarray
    labels: pa.Array | None

    @property
    def rows(self) -> int:
        """The number of rows in the shard."""
        return len(self.features)


def shard_name(split: str, number: int) -> str:
    """Returns the file name of a shard, which does not depend on how many shards the split has."""
    return f"{split}-{number:05d}.arrow"


def split_of(name: str) -> str | None:
    """Returns the split in a shard's file name, or None if the name is not that of a shard."""
    match = SHARD_FILE.fullmatch(name)
    return match[1] if match else None


def shard_names(dataset: Dataset, split: str, store: Store) -> list[str]:
    """Lists a split's shard files in order. Raises ConfigError if the split has no rows."""
    if not dataset.rows.get(split):
        present = ", ".join(f"{name}: {rows}" for name, rows in dataset.rows.items())
        raise ConfigError(
            f"The dataset '{dataset.name}' has no rows in the split '{split}', only {present}. "
            "Choose another split, ingest more rows, or ingest with other splits."
        )
    files = store.manifest(dataset.address).files
    return sorted(entry.name for entry in files if split_of(entry.name) == split)


def check_fits(model: Model, dataset: Dataset) -> None:
    """Raises ConfigError if the dataset's schema differs from that of the model's dataset."""
    differences = model.example_schema.differences(dataset.example_schema)
    if differences:
        raise ConfigError(
            f"The dataset '{dataset.name}' does not fit the model {model.key}: "
            f"{'; '.join(differences)}. Choose a model that was trained on such examples."
        )


def open_split(dataset: Dataset, split: str, store: Store) -> list[Shard]:
    """Maps all shards of a split into memory, after checking their SHA-256."""
    names = shard_names(dataset, split, store)
    folder = store.reading(dataset, names)
    return [open_shard(folder / name, dataset.example_schema) for name in names]


def read_examples(dataset: Dataset, rows: Sequence[tuple[str, str]], store: Store) -> np.ndarray:
    """Returns the features [N, *shape] of rows, given as pairs (SHA-256 of the shard, row id).

    Only the shards in these pairs are read. Raises CorruptArtifact if a row is missing.
    """
    names = {entry.sha256: entry.name for entry in store.manifest(dataset.address).files}
    shards = {digest: names[digest] for digest, _ in rows if digest in names}
    folder = store.reading(dataset, shards.values())
    shard_of = {d: open_shard(folder / name, dataset.example_schema) for d, name in shards.items()}
    examples = []
    for digest, row_id in rows:
        place = shard_of[digest].ids.index(row_id).as_py() if digest in shard_of else -1
        if place < 0:
            raise CorruptArtifact(
                f"The dataset '{dataset.address}' has no row '{row_id}', although features were "
                "computed from it. Encode the dataset again."
            )
        examples.append(shard_of[digest].features[place])
    return np.stack(examples)


def open_shard(path: Path, schema: ExampleSchema) -> Shard:
    """Maps one shard into memory. The features are a read-only view of the file, without a copy."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    values = batch.column("features").flatten().to_numpy()
    return Shard(
        ids=batch.column("id"),
        features=values.reshape(-1, *schema.shape),
        labels=batch.column("label") if "label" in batch.schema.names else None,
    )


def write_shard(
    path: Path,
    *,
    ids: Sequence[str],
    features: np.ndarray,
    labels: pa.Array | Sequence[int] | None = None,
) -> None:
    """Writes ids [N], features [N, *shape] (uint8 or float32) and labels [N] as one shard."""
    flat = np.ascontiguousarray(features).reshape(len(ids), -1)
    columns = {
        "id": pa.array(ids, pa.string()),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1]),
    }
    if labels is not None:
        columns["label"] = labels if isinstance(labels, pa.Array) else pa.array(labels, pa.int64())
    batch = pa.record_batch(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
