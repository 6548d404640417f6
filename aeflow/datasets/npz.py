"""The `npz:` source: a NumPy archive of arrays, such as the file mnist.npz of Keras.

The arrays are x_train, y_train, x_test and y_test. Validation rows may be given as x_validation
and y_validation. Otherwise some training rows are held out.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import (
    OnWait,
    Piece,
    Rows,
    block_rows,
    clean_name,
    derived_ids,
)
from aeflow.errors import SourceError
from aeflow.storage.disk.durable import local_path

__all__ = ["Member", "Npz"]

NUMBERS = "buif"
SPLITS = ("train", "validation", "test")
FORM = "Write it with numpy.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...)."


@dataclass(frozen=True)
class Member:
    """Describes one array of the archive by its header."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row; images without a channel axis get one."""
        return (*self.shape[1:], 1) if len(self.shape) == 3 else self.shape[1:]


class Npz:
    """Reads vectors [N, D] and images [N, H, W] or [N, H, W, C]; only `x_train` is required.

    uint8 values stay uint8. All other numbers become float32.
    """

    label_names = ()
    columns = ()
    skipped_stores = ()
    value_range = None

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        self._path = local_path(where)
        self.name = clean_name(self._path.stem, otherwise="npz")
        self._on_wait = on_wait
        if not self._path.is_file():
            raise SourceError(f"There is no file '{self._path}'. Give a NumPy archive: npz:FILE.")
        members = {name: self._member(name) for name in self._names()}
        if "x_train" not in members:
            names = ", ".join(members) or "no arrays"
            raise SourceError(f"'{self._path}' has no array x_train; it has {names}. {FORM}")
        self._features = {s: members[f"x_{s}"] for s in SPLITS if f"x_{s}" in members}
        self._labels = {s: self._read_labels(s) for s in self._features if f"y_{s}" in members}
        for split in self._features:
            self._check(split)

    def pieces(self) -> list[Piece]:
        """Returns a piece for each split, with a digest of the unpacked features and labels."""
        return [
            Piece(split, self._digest(split), split, features.shape[0])
            for split, features in self._features.items()
        ]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a split in blocks."""
        member = self._features[piece.name]
        labels = self._labels.get(piece.name)
        start = 0
        for block in self._blocks(member):
            stop = start + len(block)
            yield Rows(
                ids=derived_ids(piece, start, stop),
                features=block.reshape(len(block), *member.row_shape),
                labels=None if labels is None else labels[start:stop],
            )
            start = stop

    def _names(self) -> list[str]:
        with self._archive() as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]

    def _member(self, name: str) -> Member:
        with self._opened(name) as file:
            return Member(name, *_header(file))

    def _check(self, split: str) -> None:
        features, labels = self._features[split], self._labels.get(split)
        if features.dtype.kind not in NUMBERS:
            raise SourceError(
                f"x_{split} of '{self._path}' is of type {features.dtype}. It must hold numbers."
            )
        if len(features.shape) not in (2, 3, 4) or prod(features.shape) == 0:
            raise SourceError(
                f"x_{split} of '{self._path}' has the shape {features.shape}. It must be vectors "
                "[N, D] or images [N, H, W] or [N, H, W, C], and not empty."
            )
        if labels is not None and len(labels) != features.shape[0]:
            raise SourceError(
                f"y_{split} of '{self._path}' has {len(labels)} labels for "
                f"{features.shape[0]} rows of x_{split}. Give one label per row."
            )

    def _digest(self, split: str) -> str:
        """Returns the digest of a split.

        The arrays of the split are read to their end, so that damage is found before any row is
        written.
        """
        features, labels = self._features[split], self._labels.get(split)
        digest = hashlib.sha256(f"{features.shape} {features.dtype.str}".encode())
        for block in self._blocks(features):
            digest.update(np.ascontiguousarray(block).tobytes())
            self._on_wait(f"reads {features.name} of {self._path.name}")
        if labels is not None:
            digest.update(labels.tobytes())
        return digest.hexdigest()

    def _read_labels(self, split: str) -> np.ndarray:
        """Returns labels as int64 [N]; the array may be [N, 1], as in Keras's CIFAR-10."""
        with self._opened(f"y_{split}") as file:
            labels = np.lib.format.read_array(file, allow_pickle=False)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        whole = labels.dtype.kind in NUMBERS and labels.ndim == 1
        if not whole or not np.array_equal(labels, np.trunc(labels)):
            raise SourceError(
                f"y_{split} of '{self._path}' is {labels.dtype} of the shape {labels.shape}. "
                "Labels must be one whole number per row."
            )
        return labels.astype(np.int64)

    def _blocks(self, member: Member) -> Iterator[np.ndarray]:
        """Yields blocks of rows; only an array in Fortran order is loaded into memory whole."""
        rows, *shape = member.shape
        row_bytes = prod(shape) * member.dtype.itemsize
        step = block_rows(row_bytes)
        with self._opened(member.name) as file:
            if member.fortran_order:
                whole = np.lib.format.read_array(file, allow_pickle=False)
                yield from (whole[start : start + step] for start in range(0, rows, step))
                return
            _header(file)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                block = _read_exactly(file, count * row_bytes)
                yield np.frombuffer(block, member.dtype).reshape(count, *shape)

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """Opens the archive; an error in its bytes becomes a SourceError of one line."""
        try:
            with zipfile.ZipFile(self._path) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SourceError(
                f"'{self._path}' cannot be read as a NumPy archive of numbers: {reason}. {FORM}"
            ) from error

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        with self._archive() as archive, archive.open(f"{name}.npy") as file:
            yield file


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, bool]:
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"version {version} of the .npy format is not supported")
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not loaded")
    return shape, dtype, fortran_order


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    block = file.read(size)
    if len(block) != size:
        raise ValueError(f"an array ends {size - len(block)} bytes too early")
    return block
