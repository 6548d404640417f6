"""The Delta log of a feature set: one commit, which encoding writes next to the Parquet files.

The log follows https://github.com/delta-io/delta/blob/master/PROTOCOL.md. It is written here, not
by a library, because libraries put times and random ids into a log. Without these, equal features
have equal logs, byte by byte. The manifest in the store commits the feature files and the log.
"""

import json
import uuid
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import FeatureSet
from aeflow.errors import ConfigError, CorruptArtifact, IdentityMismatch, UnfitMachine
from aeflow.features.contract import Footer, footer_metadata, footer_of
from aeflow.lineage import FileEntry
from aeflow.storage import Draft, Store

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["check_delta", "open_table", "write_log"]

FOLDER = "_delta_log"
COMMIT = f"{FOLDER}/{0:020d}.json"
PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}
NO_TIME = 0
PARTITIONS = {"split": pa.string(), "label": pa.int64()}


def check_delta() -> None:
    """Raises UnfitMachine if the package deltalake is not installed. Delta tables need it."""
    if find_spec("deltalake") is None:
        raise UnfitMachine(
            "The format delta needs the package 'deltalake', which is not installed. Install the "
            "extra aeflow[delta], or choose --format parquet."
        )


def write_log(draft: Draft, files: Iterable[FileEntry], *, key: str) -> None:
    """Writes the Delta log for the feature files in a draft, and checks it by reading the table.

    Raises CorruptArtifact if the table does not have as many rows as the files.
    """
    files = sorted(files, key=lambda entry: entry.name)
    footer = footer_of(draft.path(files[0].name))
    actions = [{"protocol": PROTOCOL}, {"metaData": _metadata(draft, files[0].name, footer, key)}]
    actions += [{"add": _add_action(entry)} for entry in files]
    draft.remove(FOLDER)
    with draft.writing(COMMIT) as path:
        path.write_text("".join(f"{json.dumps(action)}\n" for action in actions), "utf-8")
    table_rows = _opened(draft.folder, footer.identity).count()
    file_rows = sum(entry.rows or 0 for entry in files)
    if table_rows != file_rows:
        raise CorruptArtifact(
            f"A Delta table must have as many rows as its files, but the table in '{draft.shown}' "
            f"has {table_rows} rows and its files have {file_rows}. Delete this folder and run "
            "again."
        )


def open_table(features: FeatureSet, store: Store) -> "DeltaTable":
    """Opens a feature set as a Delta table, after comparing each file with its SHA-256.

    Raises ConfigError if the features were not encoded as a Delta table, and IdentityMismatch if
    the table's metadata names another model.
    """
    check_delta()
    names = [entry.name for entry in store.manifest(features.address).files]
    if COMMIT not in names:
        raise ConfigError(
            f"The features {features.key} are not a Delta table. Encode with --format delta."
        )
    return _opened(store.reading(features, names), features.identity)


def _opened(folder: Path, identity: str) -> "DeltaTable":
    from deltalake import DeltaTable

    table = DeltaTable(str(folder))
    table_identity = table.metadata().configuration.get("aeflow.identity", "an unknown model")
    if table_identity != identity:
        raise IdentityMismatch(
            f"The Delta table in '{folder}' was made by {table_identity[:16]}, not by the model "
            f"{identity[:16]}. Encode again with one model."
        )
    return table


def _metadata(draft: Draft, name: str, footer: Footer, key: str) -> dict[str, Any]:
    from deltalake import Schema

    partitions = list(_partitions(name))
    schema = pq.read_schema(draft.path(name)).remove_metadata()
    for partition in partitions:
        schema = schema.append(pa.field(partition, PARTITIONS[partition]))
    configuration = footer_metadata(footer)
    del configuration["aeflow.source"]  # each file has a source of its own
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key} {footer.identity}")),
        "name": f"features {key}",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": Schema.from_arrow(schema).to_json(),
        "partitionColumns": partitions,
        "configuration": configuration,
        "createdTime": NO_TIME,
    }


def _add_action(entry: FileEntry) -> dict[str, Any]:
    return {
        "path": quote(entry.name, safe="/="),
        "partitionValues": _partitions(entry.name),
        "size": entry.size,
        "modificationTime": NO_TIME,
        "dataChange": True,
        "stats": json.dumps({"numRecords": entry.rows}),
    }


def _partitions(name: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in PurePosixPath(name).parent.parts)
    return {column: value for column, _, value in pairs}
