"""The `csv:` source: tables as text in a file, a folder or a glob.

Cells are separated by commas, or by tabs in `.tsv` files. Files that end in `.gz` are gzipped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from aeflow.configs import IngestConfig
from aeflow.datasets.columns import (
    Columns,
    as_labels,
    choose_columns,
    ids_of,
    label_values,
    labels_of,
    names_of,
    one_choice,
)
from aeflow.datasets.digests import digest_of_file
from aeflow.datasets.locating import SourceFile, find_files
from aeflow.datasets.sources import (
    BLOCK_BYTES,
    Features,
    OnWait,
    Piece,
    Rows,
    Undecodable,
)
from aeflow.errors import SourceError

__all__ = ["Csv"]

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MISSING = {"", *csv.ConvertOptions().null_values}
"""Cells that stand for a missing number. In an id or a label, `NA` is ordinary text."""
FORM = "csv:FILE, csv:FOLDER or a glob such as 'csv:FOLDER/*.csv', with a header in each file"


class Csv:
    """Reads columns of numbers. An empty cell is a missing value, which makes the row a bad row."""

    value_range = None

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        self._config = config
        self._on_wait = on_wait
        self.name, files, self.skipped_stores = find_files(where, ENDINGS, form=FORM)
        self._files = {file.name: file for file in files}
        self._columns = one_choice({file.name: self._choice(file) for file in files})
        self.columns = self._columns.features
        self.label_names: tuple[str, ...] = ()

    def pieces(self) -> list[Piece]:
        """Returns a piece for each file.

        Each file is read to its end, so that damage is found before the first row is returned.
        """
        labels: set[int | str] = set()
        pieces = []
        for file in self._files.values():
            digest = digest_of_file(file.path, self._on_wait)
            pieces.append(Piece(file.name, digest, None, self._count_rows(file, labels)))
        self.label_names = names_of(labels)
        return pieces

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a file in blocks."""
        file, columns = self._files[piece.name], self._columns
        start = 0
        for batch in _batches(file, columns.names):
            yield Rows(
                ids=ids_of(batch, columns, piece=piece, start=start),
                features=_features(batch, columns),
                labels=labels_of(batch.column(columns.label), self.label_names)
                if columns.label
                else None,
            )
            start += batch.num_rows

    def _choice(self, file: SourceFile) -> Columns:
        """Chooses the columns by the header of a file.

        Raises SourceError if a feature has values in the first block, but no value is a number.
        """
        header = _header(file)
        schema = pa.schema([(name, pa.float64()) for name in header])
        columns = choose_columns(schema, self._config, where=file.name)
        for name, column in _first_block(file, list(columns.features)).items():
            cells = column.drop_null().to_pylist()
            if cells and all(_number(cell) is None for cell in cells):
                raise SourceError(
                    f"The column '{name}' of '{file.name}' holds no numbers: its first value is "
                    f"'{cells[0]}'. Choose other features with --columns, or use it as the ids "
                    f"with --id-column {name} or as the labels with --label-column {name}."
                )
        return columns

    def _count_rows(self, file: SourceFile, labels: set[int | str]) -> int:
        """Returns the number of rows in a file, and adds the labels in the file to `labels`."""
        rows, label = 0, self._columns.label
        for batch in _batches(file, self._columns.names):
            self._on_wait(f"reads {file.name}")
            rows += batch.num_rows
            if label:
                labels |= as_labels(label_values(batch.column(label), name=label, where=file.name))
        return rows


def _header(file: SourceFile) -> list[str]:
    with _errors_reported(file):
        names = csv.open_csv(_readable(file), parse_options=_parse_options(file)).schema.names
    duplicates = [name for name in names if names.count(name) > 1]
    if duplicates:
        raise SourceError(
            f"'{file.path}' has more than one column named '{duplicates[0]}'. Give each column "
            "its own name."
        )
    return names


def _batches(file: SourceFile, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Reads the columns as text. A cell that is no number then makes only its row bad."""
    with _errors_reported(file):
        yield from csv.open_csv(
            _readable(file),
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=_parse_options(file),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                strings_can_be_null=True,
                null_values=[""],
            ),
        )


def _readable(file: SourceFile) -> Path | pa.NativeFile:
    if isinstance(file.path, Path):
        return file.path
    stream = pa.PythonFile(file.path.open(), mode="r")
    return pa.CompressedInputStream(stream, "gzip") if file.name.endswith(".gz") else stream


def _first_block(file: SourceFile, names: list[str]) -> dict[str, pa.Array]:
    batch = next(_batches(file, names), None)
    return {name: batch.column(name) for name in names} if batch else {}


def _parse_options(file: SourceFile) -> csv.ParseOptions:
    return csv.ParseOptions(delimiter="\t" if ".tsv" in file.path.suffixes else ",")


@contextmanager
def _errors_reported(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise SourceError(
            f"'{file.path}' cannot be read as a CSV table: {reason}. Repair or replace the file."
        ) from error


def _features(batch: pa.RecordBatch, columns: Columns) -> Features:
    values = np.empty((batch.num_rows, len(columns.features)), np.float32)
    bad: dict[int, str] = {}
    for place, name in enumerate(columns.features):
        text = pc.call_function("utf8_trim_whitespace", [batch.column(name)])
        try:
            values[:, place] = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            values[:, place] = _cell_by_cell(text, name, bad)
    if not bad:
        return values
    return [Undecodable(bad[row]) if row in bad else values[row] for row in range(batch.num_rows)]


def _cell_by_cell(text: pa.Array, name: str, bad: dict[int, str]) -> np.ndarray:
    """Returns the numbers in a column, with nan for missing and for wrong cells.

    Rows with a wrong cell are added to `bad`, with the reason.
    """
    numbers = np.full(len(text), np.nan)
    for row, cell in enumerate(text.to_pylist()):
        number = np.nan if cell is None or cell in MISSING else _number(cell)
        if number is None:
            bad.setdefault(row, f"the column '{name}' is '{cell}', which is no number")
        else:
            numbers[row] = number
    return numbers


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
