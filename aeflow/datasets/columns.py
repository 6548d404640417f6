"""The columns of a table: the choice of features, label and id, and their values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aeflow.configs import IngestConfig
from aeflow.datasets.pictures import decode_image
from aeflow.datasets.sources import Features, Piece, Undecodable, block_rows, derived_ids
from aeflow.errors import SourceError

__all__ = [
    "Columns",
    "as_labels",
    "choose_columns",
    "features_of",
    "ids_of",
    "label_values",
    "labels_of",
    "names_of",
    "one_choice",
]

LISTED = 5
BLOCK_PICTURES = 64
BLOCK_LISTS = 1024

Kind = Literal["numbers", "list", "image"]


@dataclass(frozen=True)
class Columns:
    """Names the feature, label and id columns of a table.

    `features` are several columns of one number each, or a single column of lists or images.
    """

    features: tuple[str, ...]
    kind: Kind
    label: str | None
    id: str | None
    are_bytes: bool = field(default=False, compare=False)

    @property
    def names(self) -> list[str]:
        """The columns to read, without duplicates."""
        return list(dict.fromkeys(filter(None, (*self.features, self.label, self.id))))

    @property
    def block_rows(self) -> int:
        """The number of rows read at once."""
        return {
            "numbers": block_rows(4 * len(self.features)),
            "list": BLOCK_LISTS,
            "image": BLOCK_PICTURES,
        }[self.kind]


def choose_columns(
    schema: pa.Schema, config: IngestConfig, *, where: str, partitions: Sequence[str] = ()
) -> Columns:
    """Chooses the feature, label and id columns of a file, as the config or their names say.

    If the config names no id or label column, the columns `id` and `label` are used if they
    exist. If the config names no features, all other columns are features. `where` is the name of
    the file, for messages. `partitions` are the keys of Hive partitions, one of which may be the
    label. Raises SourceError if a column does not exist, or if it is not clear which columns are
    features.
    """
    label = _named(schema, config.label_column, "label", where=where, partitions=partitions)
    own_id = _named(schema, config.id_column, "id", where=where)
    for name in config.columns or ():
        _check_exists(schema.names, name, where)
    others = [name for name in schema.names if name not in (label, own_id)]
    kinds: dict[str, Kind | None] = {
        name: _kind(schema.field(name).type) for name in config.columns or others
    }
    unfit = [name for name, kind in kinds.items() if kind is None]
    if unfit or not kinds:
        problem = (
            f"'{unfit[0]}' is of type {schema.field(unfit[0]).type}"
            if unfit
            else "no column is left for the features"
        )
        raise SourceError(
            f"The features of '{where}' must be numbers, lists of numbers or images, but "
            f"{problem}. Choose features with --columns from {_listed(schema.names)}."
        )
    single = [name for name, kind in kinds.items() if kind != "numbers"]
    if single and len(kinds) > 1:
        raise SourceError(
            f"It is not clear which columns of '{where}' are features: '{single[0]}' is of type "
            f"{schema.field(single[0]).type}, but it is not the only column ({_listed(kinds)}). "
            "Choose with --columns: columns of one number each, or one column of lists or images."
        )
    kind = (kinds[single[0]] if single else None) or "numbers"
    types = [schema.field(name).type for name in kinds]
    are_bytes = all((t.value_type if kind == "list" else t) == pa.uint8() for t in types)
    return Columns(tuple(kinds), kind, label, own_id, are_bytes)


def one_choice(choices: Mapping[str, Columns]) -> Columns:
    """Returns the choice of columns that all files of a source share.

    The keys of `choices` are the names of the files. `are_bytes` is true only if it is true for
    every file. Raises SourceError if the columns of two files differ.
    """
    (first, columns), *others = choices.items()
    for name, other in others:
        if other != columns:
            raise SourceError(
                f"'{name}' has other columns than '{first}'. Use --columns to choose features that "
                "all files have."
            )
    return replace(columns, are_bytes=all(each.are_bytes for each in choices.values()))


def features_of(batch: pa.RecordBatch, columns: Columns, config: IngestConfig) -> Features:
    """Returns a batch's features: one array [N, D] of float32 or uint8, or a list of N examples."""
    if columns.kind == "numbers":
        feature_batch = batch.select(list(columns.features))
        return _bytes(feature_batch) if columns.are_bytes else _numbers(feature_batch)
    column = batch.column(columns.features[0])
    if columns.kind == "list":
        return _lists(column, are_bytes=columns.are_bytes)
    return [
        Undecodable("it is null") if content is None else decode_image(content, config)
        for content in map(_content, column.to_pylist())
    ]


def ids_of(batch: pa.RecordBatch, columns: Columns, *, piece: Piece, start: int) -> list[str]:
    """Returns the ids of a batch that begins at row `start` of a piece.

    If the table has no id column, `derived_ids` makes the ids. Raises SourceError if an id is
    missing in the column.
    """
    if columns.id is None:
        return derived_ids(piece, start, start + batch.num_rows)
    ids = batch.column(columns.id).cast(pa.string())
    if ids.null_count:
        raise SourceError(
            f"The id column '{columns.id}' of '{piece.name}' has rows without an id. Give each "
            "row an id."
        )
    return ids.to_pylist()


def label_values(column: pa.Array | pa.ChunkedArray, *, name: str, where: str) -> list[int | str]:
    """Returns the distinct labels in a column: names if the column holds text, or whole numbers.

    Raises SourceError if a row has no label, or if a number is not whole.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        raise SourceError(
            f"The label column '{name}' of '{where}' is empty in {column.null_count} rows. "
            "Give each row a label."
        )
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.unique().to_pylist()
    try:
        return column.cast(pa.int64()).unique().to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(
            f"The label column '{name}' of '{where}' is of type {column.type}, but labels must be "
            "whole numbers or names. Choose another column with --label-column."
        ) from error


def as_labels(values: Iterable[int | str]) -> set[int | str]:
    """Returns labels that were read as text: whole numbers as integers, and names unchanged."""
    return {int(v) if str(v).removeprefix("-").isdecimal() else v for v in values}


def names_of(labels: Iterable[int | str]) -> tuple[str, ...]:
    """Returns the sorted names of all labels of a source, or () if all are whole numbers."""
    values = list(labels)
    return tuple(sorted(map(str, values))) if any(isinstance(n, str) for n in values) else ()


def labels_of(column: pa.Array, names: Sequence[str]) -> np.ndarray:
    """Returns labels as int64 [N]: whole numbers unchanged, names as their index in `names`."""
    if not names:
        return column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    places = {name: place for place, name in enumerate(names)}
    labels = column.cast(pa.string()).to_pylist()
    return np.array([places[label] for label in labels], dtype=np.int64)


def _named(
    schema: pa.Schema,
    configured: str | None,
    default: str,
    *,
    where: str,
    partitions: Sequence[str] = (),
) -> str | None:
    names = [*schema.names, *partitions]
    if configured is not None:
        _check_exists(names, configured, where)
        return configured
    return default if default in names else None


def _check_exists(names: Sequence[str], name: str, where: str) -> None:
    if name not in names:
        raise SourceError(f"'{where}' has no column '{name}'. It has {_listed(names)}.")


def _listed(names: Any) -> str:
    names = [f"'{name}'" for name in names]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _kind(of: pa.DataType) -> Kind | None:
    types = pa.types
    if (
        types.is_integer(of)
        or types.is_floating(of)
        or types.is_boolean(of)
        or types.is_decimal(of)
    ):
        return "numbers"
    if types.is_list(of) or types.is_large_list(of) or types.is_fixed_size_list(of):
        return "list" if _kind(of.value_type) == "numbers" else None
    is_picture = types.is_struct(of) and of.get_field_index("bytes") >= 0
    if types.is_binary(of) or types.is_large_binary(of) or is_picture:
        return "image"
    return None


def _content(value: bytes | dict | None) -> bytes | None:
    """Returns an image's bytes; Hugging Face stores an image as a struct of its bytes and path."""
    return value["bytes"] if isinstance(value, dict) else value


def _numbers(batch: pa.RecordBatch) -> np.ndarray:
    values = np.empty((batch.num_rows, batch.num_columns), np.float32)
    for place, column in enumerate(batch.columns):
        values[:, place] = _floats(column)
    return values


def _bytes(batch: pa.RecordBatch) -> Features:
    """Returns uint8 features. A row with a null is undecodable, because uint8 has no nan."""
    arrays = [pc.fill_null(c, 0).to_numpy(zero_copy_only=False) for c in batch.columns]
    values = np.stack(arrays, axis=1)
    empty = {
        row: name
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist()
    }
    if not empty:
        return values
    return [
        Undecodable(f"the column '{empty[row]}' is null") if row in empty else values[row]
        for row in range(batch.num_rows)
    ]


def _lists(column: pa.Array, *, are_bytes: bool) -> Features:
    """Returns one array if all lists have the same length, otherwise one array per row."""
    flat = column.flatten()
    is_even = not column.null_count and len(_lengths(column).unique()) == 1
    if is_even and not (are_bytes and flat.null_count):
        return _list(flat, are_bytes=are_bytes).reshape(len(column), -1)
    return [_row(row.values if row.is_valid else None, are_bytes=are_bytes) for row in column]


def _lengths(column: pa.Array) -> pa.Array:
    return pc.call_function("list_value_length", [column])


def _row(values: pa.Array | None, *, are_bytes: bool) -> np.ndarray | Undecodable:
    if values is None or (are_bytes and values.null_count):
        return Undecodable("it is null" if values is None else "it holds a null")
    return _list(values, are_bytes=are_bytes)


def _list(values: pa.Array, *, are_bytes: bool) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False) if are_bytes else _floats(values)


def _floats(column: pa.Array) -> np.ndarray:
    """Returns numbers as float32. Null becomes nan, so that validation reports the row."""
    wide = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        return wide.astype(np.float32)
