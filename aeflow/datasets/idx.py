"""The `idx:` source: a folder of IDX files, the format of MNIST.

A file may be gzipped or raw; its first bytes show which.
"""

import gzip
import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import (
    BLOCK_BYTES,
    OnWait,
    Piece,
    Rows,
    block_rows,
    clean_name,
    derived_ids,
)
from aeflow.errors import SourceError
from aeflow.storage.disk.durable import local_path

__all__ = ["Idx", "IdxFile"]

FILE_NAME = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?")
SPLITS = {"train": "train", "t10k": "test", "test": "test"}
GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTES = 8
AGAIN = "Fetch the file again."


@dataclass(frozen=True)
class IdxFile:
    """Describes one file by its header: the header's size and the length of each axis."""

    path: Path
    header_bytes: int
    lengths: tuple[int, ...]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row; images get a channel axis."""
        lengths = self.lengths[1:]
        return (*lengths, 1) if len(lengths) == 2 else lengths


class Idx:
    """Reads `train-images-idx3-ubyte[.gz]`, and the files of labels and of `t10k` if they exist."""

    label_names = ()
    columns = ()
    skipped_stores = ()
    value_range = None

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        folder = local_path(where)
        self.name = clean_name(folder.resolve().name, otherwise="idx")
        self._on_wait = on_wait
        self._images = {}
        self._labels = {}
        for (split, what), path in _files(folder).items():
            headers = self._images if what == "images" else self._labels
            headers[split] = _read_header(path, labels=what == "labels")
        for split, labels in self._labels.items():
            _check_lengths(labels, self._images.get(split))

    def pieces(self) -> list[Piece]:
        """Returns a piece for the split train, and one for the split test if it exists.

        The digest of a piece covers the axis lengths and the unpacked bytes of the split's files.
        """
        return [
            Piece(split, self._digest(split), split, images.lengths[0])
            for split, images in sorted(self._images.items(), reverse=True)
        ]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads the rows of a split in blocks."""
        images = self._images[piece.name]
        labels = self._labels.get(piece.name)
        all_labels = _read_labels(labels) if labels else None
        row_bytes = prod(images.row_shape)
        step = block_rows(row_bytes)
        with _unpacked(images) as file:
            for start in range(0, piece.rows, step):
                stop = min(start + step, piece.rows)
                block = file.read((stop - start) * row_bytes)
                if len(block) < (stop - start) * row_bytes:
                    raise SourceError(f"'{images.path}' changed while it was read. {AGAIN}")
                values = np.frombuffer(block, np.uint8)
                yield Rows(
                    ids=derived_ids(piece, start, stop),
                    features=values.reshape(stop - start, *images.row_shape),
                    labels=None if all_labels is None else all_labels[start:stop],
                )

    def _digest(self, split: str) -> str:
        """Returns the digest of a split.

        The files of the split are read to their end, so that damage is found before any row is
        written.
        """
        digest = hashlib.sha256()
        for file in filter(None, (self._images[split], self._labels.get(split))):
            digest.update(repr(file.lengths).encode())
            for block in _blocks(file):
                digest.update(block)
                self._on_wait(f"reads {file.path.name}")
        return digest.hexdigest()


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    if not folder.is_dir():
        raise SourceError(f"There is no folder '{folder}'. Give a folder of IDX files: idx:FOLDER.")
    paths = {}
    for path in sorted(folder.iterdir()):
        match = FILE_NAME.fullmatch(path.name)
        if match and path.is_file():
            place = (SPLITS[match[1]], match[2])
            if place in paths:
                raise SourceError(
                    f"'{paths[place]}' and '{path.name}' both hold the {place[0]} {place[1]}. "
                    "Remove one of them."
                )
            paths[place] = path
    if ("train", "images") not in paths:
        raise SourceError(
            f"The folder '{folder}' holds no file 'train-images-idx3-ubyte' or "
            "'train-images-idx3-ubyte.gz'. Give a folder with files in the format of MNIST."
        )
    return paths


def _read_header(path: Path, *, labels: bool) -> IdxFile:
    axes = (1,) if labels else (2, 3, 4)
    with _opened(path) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[3] not in axes:
            what = "labels" if labels else "images"
            raise SourceError(
                f"'{path}' is not an IDX file of {what}: it begins with {magic.hex(' ')}. {AGAIN}"
            )
        if magic[2] != UNSIGNED_BYTES:
            raise SourceError(
                f"'{path}' has values of IDX type {magic[2]:#04x}. Only unsigned bytes (0x08) are "
                "supported. Save other types as a NumPy archive and give npz:FILE."
            )
        lengths = file.read(4 * magic[3])
        if len(lengths) < 4 * magic[3]:
            raise SourceError(f"'{path}' ends within its header. {AGAIN}")
        return IdxFile(path, 4 + len(lengths), struct.unpack(f">{magic[3]}I", lengths))


def _check_lengths(labels: IdxFile, images: IdxFile | None) -> None:
    if images is None:
        raise SourceError(
            f"'{labels.path}' holds labels, but its folder has no images for them. Add the file of "
            "images."
        )
    if labels.lengths != images.lengths[:1]:
        raise SourceError(
            f"'{labels.path}' has {labels.lengths[0]} labels for {images.lengths[0]} images. "
            "Give the labels and the images of the same dataset."
        )


def _read_labels(labels: IdxFile) -> np.ndarray:
    return np.frombuffer(b"".join(_blocks(labels)), np.uint8).astype(np.int64)


def _blocks(file: IdxFile) -> Iterator[bytes]:
    """Yields the bytes after the header. Raises SourceError if the header says more or fewer."""
    num_expected = prod(file.lengths)
    num_read = 0
    with _unpacked(file) as unpacked:
        while block := unpacked.read(BLOCK_BYTES):
            num_read += len(block)
            yield block
    if num_read != num_expected:
        raise SourceError(
            f"'{file.path}' holds {num_read} bytes of values, but its header says {num_expected}. "
            f"{AGAIN}"
        )


@contextmanager
def _unpacked(file: IdxFile) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with _opened(file.path) as unpacked:
        unpacked.read(file.header_bytes)
        yield unpacked


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Opens a file, and unpacks it if its first bytes are those of gzip.

    The name cannot be trusted: Debian gives gzipped and raw files the same name.
    """
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if is_gzipped:
                with gzip.open(raw) as unpacked:
                    yield unpacked
            else:
                yield raw
    except EOFError as error:
        raise SourceError(f"'{path}' is cut short: its gzip stream has no end. {AGAIN}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"'{path}' is damaged: {error}. {AGAIN}") from error
    except OSError as error:
        raise SourceError(
            f"Cannot read '{path}': {error.strerror or error}. Check the file and its permissions."
        ) from error
