"""Writes small IDX files for tests."""

import gzip
import struct
from pathlib import Path

import numpy as np

__all__ = ["idx_bytes", "write_idx"]


def idx_bytes(values: np.ndarray) -> bytes:
    """Returns an array of unsigned bytes in the IDX format."""
    lengths = struct.pack(f">{values.ndim}I", *values.shape)
    return b"\0\0\x08" + bytes([values.ndim]) + lengths + values.astype(np.uint8).tobytes()


def write_idx(path: Path, values: np.ndarray) -> None:
    """Writes an IDX file, gzipped if its name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = idx_bytes(values)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
