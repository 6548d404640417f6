"""The `parquet:` source: a file, a folder or a glob, with Hive partitions in folder names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.configs import IngestConfig
from aeflow.datasets.columns import (
    Columns,
    as_labels,
    choose_columns,
    features_of,
    ids_of,
    label_values,
    labels_of,
    names_of,
    one_choice,
)
from aeflow.datasets.digests import digest_of_file
from aeflow.datasets.locating import SourceFile, find_files
from aeflow.datasets.sources import OnWait, Piece, Rows
from aeflow.errors import SourceError

__all__ = ["Parquet"]

ENDINGS = (".parquet", ".pq")
FORM = "parquet:FILE, parquet:FOLDER or a glob such as 'parquet:FOLDER/2026-*/*.parquet'"
SPLIT = "split"


class Parquet:
    """Reads columns of numbers, a column of lists or a column of encoded images.

    A piece is a file. A folder `split=NAME` sets the split of its files. Any other partition may
    be the label.
    """

    value_range = None

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        self._config = config
        self._on_wait = on_wait
        self.name, files, self.skipped_stores = find_files(where, ENDINGS, form=FORM)
        self._files = {file.name: file for file in files}
        self._columns = one_choice({file.name: self._choice(file) for file in files})
        is_table = self._columns.kind == "numbers"
        self.columns = self._columns.features if is_table else ()
        self.label_names: tuple[str, ...] = ()

    def pieces(self) -> list[Piece]:
        """Returns a piece for each file, with a digest of the whole file."""
        self.label_names = self._names_of_labels()
        return [
            Piece(
                file.name,
                digest_of_file(file.path, self._on_wait),
                file.partitions.get(SPLIT),
                self._rows(file),
            )
            for file in self._files.values()
        ]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a file in blocks."""
        file, columns = self._files[piece.name], self._columns
        stored = [name for name in columns.names if name not in file.partitions]
        start = 0
        with _opened(file) as table:
            for batch in table.iter_batches(columns.block_rows, columns=stored):
                yield Rows(
                    ids=ids_of(batch, columns, piece=piece, start=start),
                    features=features_of(batch, columns, self._config),
                    labels=self._labels(batch, file),
                )
                start += batch.num_rows

    def _choice(self, file: SourceFile) -> Columns:
        with _opened(file) as table:
            return choose_columns(
                table.schema_arrow, self._config, where=file.name, partitions=[*file.partitions]
            )

    def _rows(self, file: SourceFile) -> int:
        with _opened(file) as table:
            return table.metadata.num_rows

    def _names_of_labels(self) -> tuple[str, ...]:
        """Returns the sorted label names of all files, or () if labels are whole numbers."""
        values: set[int | str] = set()
        for file in self._files.values():
            values |= self._label_values(file, self._columns.label)
            self._on_wait(f"reads labels of {file.name}")
        return names_of(values)

    def _label_values(self, file: SourceFile, label: str | None) -> set[int | str]:
        if label is None:
            return set()
        if label in file.partitions:
            return as_labels([file.partitions[label]])
        with _opened(file) as table:
            column = table.read([label]).column(label)
        return set(label_values(column, name=label, where=file.name))

    def _labels(self, batch: pa.RecordBatch, file: SourceFile) -> np.ndarray | None:
        label = self._columns.label
        if label is None:
            return None
        if label in file.partitions:
            return labels_of(pa.repeat(file.partitions[label], batch.num_rows), self.label_names)
        return labels_of(batch.column(label), self.label_names)


def _readable(file: SourceFile) -> Path | BinaryIO:
    return file.path if isinstance(file.path, Path) else file.path.open()


@contextmanager
def _opened(file: SourceFile) -> Iterator[pq.ParquetFile]:
    """Opens a file; an error in its bytes becomes a SourceError of one line."""
    try:
        with pq.ParquetFile(_readable(file)) as table:
            yield table
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise SourceError(
            f"'{file.path}' cannot be read as a Parquet file: {reason}. Repair or replace the file."
        ) from error
