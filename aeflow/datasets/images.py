"""The `images:` source: a folder of image files, in which each sub-folder is a label."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.digests import digest_of_file
from aeflow.datasets.locating import SourceFile, find_files
from aeflow.datasets.pictures import ENDINGS, decode_image
from aeflow.datasets.sources import OnWait, Piece, Rows
from aeflow.errors import SourceError
from aeflow.storage.bucket.opening import is_remote
from aeflow.storage.disk.durable import local_path

__all__ = ["Images"]

FORM = "images:FOLDER, a folder with image files or with a sub-folder for each label"
BLOCK_FILES = 64


class Images:
    """Reads images as uint8 [H, W, C]; a piece is a folder, and an id is a file's relative path."""

    value_range = None
    columns = ()

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        folder = where if is_remote(where) else local_path(where)
        if isinstance(folder, Path) and not folder.is_dir():
            raise SourceError(f"There is no folder '{folder}'. Give {FORM}.")
        self._config = config
        self._on_wait = on_wait
        self.name, files, self.skipped_stores = find_files(where, ENDINGS, form=FORM)
        self._folders: dict[str, list[SourceFile]] = {}
        for file in files:
            self._folders.setdefault(PurePosixPath(file.name).parent.as_posix(), []).append(file)
        self.label_names = tuple(sorted({_label(name) for name in self._folders} - {""}))
        if self.label_names and "." in self._folders:
            loose_file = self._folders["."][0].name
            raise SourceError(
                f"'{folder}' has sub-folders, which are labels, but also image files without a "
                f"label, such as '{loose_file}'. Move these files into a sub-folder."
            )

    def pieces(self) -> list[Piece]:
        """Returns a piece for each folder that holds image files.

        The digest of a piece covers the names and the digests of the files in the folder.
        """
        return [
            Piece(name, self._digest(files), None, len(files))
            for name, files in self._folders.items()
        ]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Decodes the files of a folder, block by block."""
        files = self._folders[piece.name]
        label = self.label_names.index(_label(piece.name)) if self.label_names else None
        for start in range(0, len(files), BLOCK_FILES):
            block = files[start : start + BLOCK_FILES]
            yield Rows(
                ids=[file.name for file in block],
                features=[decode_image(_content(file), self._config) for file in block],
                labels=None if label is None else np.full(len(block), label, np.int64),
            )

    def _digest(self, files: list[SourceFile]) -> str:
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.name}\0{digest_of_file(file.path, self._on_wait)}\n".encode())
        return digest.hexdigest()


def _label(folder: str) -> str:
    """Returns the label of a folder: the first part of its path, or "" for the source's folder."""
    return "" if folder == "." else PurePosixPath(folder).parts[0]


def _content(file: SourceFile) -> bytes:
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"Cannot read '{file.path}': {error.strerror or error}. Check the file and its "
            "permissions."
        ) from error
