"""The feature contract: what stands in a Parquet file of latent features, and who made it.

Columns: `id: string`, `label` where there is one, `latent: fixed_size_list<float32>[latent_dim]`
(or `z_000 ...` in the wide layout), and `reconstruction_error: float32` with `error_percentile:
float32` unless they were not asked for. The footer names the model's identity.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch

__all__ = [
    "FeatureRows",
    "error_percentiles",
    "identity_in",
    "latent_array",
    "read_features",
    "write_features",
]

IDENTITY = b"aeflow.identity"
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class FeatureRows:
    """Holds rows of features: ids, labels or None, latents [N, latent_dim], errors [N] or None.

    `percentiles` [N] says which percentage of held-out errors each error reaches.
    """

    ids: pa.Array
    labels: pa.Array | None
    latents: np.ndarray
    errors: np.ndarray | None = None
    percentiles: np.ndarray | None = None


def write_features(sink: Path | BinaryIO, rows: FeatureRows, *, identity: str, layout: str) -> None:
    """Writes one Parquet file: zstd, byte-stream-split floats, no dictionary on them."""
    columns = {"id": rows.ids}
    if rows.labels is not None:
        columns["label"] = rows.labels
    columns |= _latent_columns(rows.latents, layout)
    if rows.errors is not None and rows.percentiles is not None:
        columns["reconstruction_error"] = pa.array(rows.errors, pa.float32())
        columns["error_percentile"] = pa.array(rows.percentiles, pa.float32())
    table = pa.table(columns).replace_schema_metadata({IDENTITY: identity.encode()})
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": COMPRESSION_LEVEL,
        "use_dictionary": ["label"] if rows.labels is not None else False,
        "use_byte_stream_split": _float_leaves(table.schema),
    }
    pq.write_table(table, sink, **options)


def read_features(folder: Path) -> pa.Table:
    """Reads all Parquet files below a folder into one table, in the order of their names.

    Raises IdentityMismatch, with both identities, where two models made them.
    """
    files = sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("_"))
    if not files:
        raise ConfigError(f"There are no features (*.parquet) in '{folder}'.")
    first = identity_in(files[0])
    for path in files[1:]:
        if (identity := identity_in(path)) != first:
            raise IdentityMismatch(
                f"Features of two models cannot be read together: '{files[0].name}' was made by "
                f"{first[:16]} and '{path.name}' by {identity[:16]}. Encode again with one model."
            )
    return pa.concat_tables(pq.ParquetFile(path).read() for path in files)


def identity_in(path: Path) -> str:
    """Returns the identity of the model that made a feature file, from its footer."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise CorruptArtifact(f"'{path}' is not a Parquet file: {error}.") from error
    if IDENTITY not in metadata:
        raise IdentityMismatch(f"'{path}' names no model in its footer: aeflow did not write it.")
    return metadata[IDENTITY].decode()


def latent_array(latents: np.ndarray) -> pa.Array:
    """Returns latents [N, latent_dim] as a fixed-size list of float32 without nulls."""
    element = pa.field("element", pa.float32(), nullable=False)
    values = pa.array(np.ascontiguousarray(latents, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(values, type=pa.list_(element, latents.shape[1]))


def error_percentiles(errors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns, for errors [N], the percentage of reference errors that each one reaches, [N]."""
    ranks = np.searchsorted(np.sort(reference), errors, side="right")
    return (100.0 * ranks / len(reference)).astype(np.float32)


def _latent_columns(latents: np.ndarray, layout: str) -> dict[str, pa.Array]:
    if layout == "list":
        return {"latent": latent_array(latents)}
    return {f"z_{i:03d}": pa.array(latents[:, i], pa.float32()) for i in range(latents.shape[1])}


def _float_leaves(schema: pa.Schema) -> list[str]:
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    lists = [f"{f.name}.list.element" for f in schema if pa.types.is_fixed_size_list(f.type)]
    return floats + lists
