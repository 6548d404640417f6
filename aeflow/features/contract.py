"""The feature contract: the columns and the footer of a Parquet file of latent features.

Columns: `id: string`, `label: int64` if there are labels, `latent:
fixed_size_list<float32>[latent_dim]` (or `z_000 ...` in the wide layout), and
`reconstruction_error: float32` with `error_percentile: float32` unless they were switched off.
Folder names give the split and, on request, the label. This label is then not a column.

The footer holds the keys of FOOTER. It contains no paths and no names, so that the same rows and
the same model always make the same bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch

__all__ = [
    "CONTRACT_VERSION",
    "FOOTER",
    "FeatureRows",
    "Footer",
    "by_label",
    "error_percentiles",
    "footer_metadata",
    "footer_of",
    "identity_in",
    "label_of",
    "latent_array",
    "read_features",
    "write_features",
]

CONTRACT, CONTRACT_VERSION = "features", 1
FOOTER = {
    "aeflow.contract": "`features`: the name of this contract",
    "aeflow.contract_version": "`1`; a change that readers would notice raises it",
    "aeflow.identity": "SHA-256 of the model: its arrays, its config, its preprocessing",
    "aeflow.latent_dim": "number of latent dimensions",
    "aeflow.source": "SHA-256 of the prepared shard that was encoded, as in its dataset's manifest",
}
"""The keys of the key-value metadata in a file's footer, with the meaning of each text value."""
LABEL_FOLDER = re.compile(r"label=(-?\d+)")
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class Footer:
    """Holds a file's model identity, number of latent dimensions, and source shard's digest."""

    identity: str
    latent_dim: int
    source: str


@dataclass(frozen=True)
class FeatureRows:
    """Holds rows of features: ids, labels or None, latents [N, latent_dim], errors [N] or None.

    `percentiles` [N] or None has, for each error, the percentage of held-out errors up to it.
    """

    ids: pa.Array
    labels: pa.Array | None
    latents: np.ndarray
    errors: np.ndarray | None = None
    percentiles: np.ndarray | None = None


def write_features(
    sink: Path | BinaryIO, rows: FeatureRows, *, footer: Footer, layout: str
) -> None:
    """Writes one Parquet file with zstd compression and byte-stream-split floats.

    Only the labels are encoded with a dictionary.
    """
    columns = {"id": rows.ids}
    if rows.labels is not None:
        columns["label"] = rows.labels
    columns |= _latent_columns(rows.latents, layout)
    if rows.errors is not None and rows.percentiles is not None:
        columns["reconstruction_error"] = pa.array(rows.errors, pa.float32())
        columns["error_percentile"] = pa.array(rows.percentiles, pa.float32())
    table = pa.table(columns).replace_schema_metadata(footer_metadata(footer))
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": COMPRESSION_LEVEL,
        "use_dictionary": ["label"] if rows.labels is not None else False,
        "use_byte_stream_split": _float_leaves(table.schema),
    }
    pq.write_table(table, sink, **options)


def by_label(rows: FeatureRows) -> Iterator[tuple[int, FeatureRows]]:
    """Yields each label, in ascending order, with the rows of this label.

    The rows keep their order, and their `labels` are None.
    """
    labels = np.asarray(rows.labels)
    for label in np.unique(labels).tolist():
        mask = labels == label
        fields = {"ids": rows.ids.filter(pa.array(mask)), "latents": rows.latents[mask]}
        if rows.errors is not None and rows.percentiles is not None:
            fields |= {"errors": rows.errors[mask], "percentiles": rows.percentiles[mask]}
        yield label, replace(rows, labels=None, **fields)


def read_features(folder: str | Path) -> pa.Table:
    """Reads all Parquet files below a folder into one table, in the order of their names.

    If the files come from two models, raises IdentityMismatch, which names the identities of both.
    """
    files = sorted(
        path for path in Path(folder).rglob("*.parquet") if not path.name.startswith("_")
    )
    if not files:
        raise ConfigError(
            f"There are no features (*.parquet) in '{folder}'. Give the folder of a feature set."
        )
    first = identity_in(files[0])
    for path in files[1:]:
        if (identity := identity_in(path)) != first:
            raise IdentityMismatch(
                f"Features of two models cannot be read together: '{files[0].name}' was made by "
                f"{first[:16]} and '{path.name}' by {identity[:16]}. Encode again with one model."
            )
    tables = pa.concat_tables(_table_in(path) for path in files)
    return tables.replace_schema_metadata({"aeflow.identity": first})


def footer_of(path: Path) -> Footer:
    """Returns the footer of a feature file.

    Raises IdentityMismatch if aeflow did not write the file, and ConfigError if it was written by
    an aeflow with another version of the contract.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise CorruptArtifact(f"'{path}' is not a Parquet file: {error}. Encode again.") from error
    values = {key: metadata.get(key.encode(), b"").decode() for key in FOOTER}
    if not values["aeflow.identity"]:
        raise IdentityMismatch(
            f"'{path}' names no model in its footer: aeflow did not write it. "
            "Read only files that aeflow wrote."
        )
    if values["aeflow.contract_version"] != str(CONTRACT_VERSION):
        raise ConfigError(
            f"'{path}' has version {values['aeflow.contract_version'] or 0} of the feature "
            f"contract, but this aeflow reads version {CONTRACT_VERSION}. Encode again, or install "
            "another version of aeflow."
        )
    latent_dim = int(values["aeflow.latent_dim"])
    return Footer(values["aeflow.identity"], latent_dim, values["aeflow.source"])


def footer_metadata(footer: Footer) -> dict[str, str]:
    """Returns a footer as key-value metadata with the keys of FOOTER."""
    values = (CONTRACT, CONTRACT_VERSION, footer.identity, footer.latent_dim, footer.source)
    return dict(zip(FOOTER, map(str, values), strict=True))


def identity_in(path: Path) -> str:
    """Returns the identity of the model that made a feature file, from its footer."""
    return footer_of(path).identity


def label_of(path: PurePath) -> int | None:
    """Returns the label that a file's folder names, or None if labels are a column."""
    match = LABEL_FOLDER.fullmatch(path.parent.name)
    return int(match[1]) if match else None


def latent_array(latents: np.ndarray) -> pa.Array:
    """Returns latents [N, latent_dim] as a fixed-size list of float32 without nulls."""
    element = pa.field("element", pa.float32(), nullable=False)
    values = pa.array(np.ascontiguousarray(latents, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(values, type=pa.list_(element, latents.shape[1]))


def error_percentiles(errors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns, for each of the errors [N], the percentage of reference errors up to it, as [N]."""
    ranks = np.searchsorted(np.sort(reference), errors, side="right")
    return (100.0 * ranks / len(reference)).astype(np.float32)


def _table_in(path: Path) -> pa.Table:
    """Reads one file. If its folder names a label, the label becomes a column."""
    table, label = pq.ParquetFile(path).read(), label_of(path)
    if label is None:
        return table
    return table.add_column(1, "label", pa.array([label] * table.num_rows, pa.int64()))


def _latent_columns(latents: np.ndarray, layout: str) -> dict[str, pa.Array]:
    if layout == "list":
        return {"latent": latent_array(latents)}
    return {f"z_{i:03d}": pa.array(latents[:, i], pa.float32()) for i in range(latents.shape[1])}


def _float_leaves(schema: pa.Schema) -> list[str]:
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    lists = [f"{f.name}.list.element" for f in schema if pa.types.is_fixed_size_list(f.type)]
    return floats + lists
