"""Fashion-MNIST as Debian's package `dataset-fashion-mnist` ships it, and as first published."""

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

__all__ = ["FOLDER", "restore_originals", "write_repeated"]

FOLDER = Path("/usr/share/datasets/fashion-mnist")
MODIFIED = {"train": 1504176606, "t10k": 1504176627}
HEADER_BYTES = 10
BLOCK = 100_000


def restore_originals(folder: Path) -> Path:
    """Writes the four files with the gzip headers of their publication, as TFDS requires."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.gz"):
        modified = struct.pack("<I", MODIFIED[path.name.partition("-")[0]])
        header = b"\x1f\x8b\x08\x08" + modified + b"\0\x03" + path.stem.encode() + b"\0"
        (folder / path.name).write_bytes(header + path.read_bytes()[HEADER_BYTES:])
    return folder


def write_repeated(path: Path, rows: int) -> None:
    """Writes Fashion-MNIST repeatedly, as `x_train` [rows, 28, 28] of an archive."""
    content = gzip.decompress((FOLDER / "train-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, 28, 28)}
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("x_train.npy", "w", force_zip64=True) as member,
    ):
        npy.write_array_header_2_0(member, header)
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            member.write(images[np.arange(start, start + count) % len(images)].tobytes())
