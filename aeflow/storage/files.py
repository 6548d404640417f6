"""The few verbs on bytes that a store needs, here for a folder of a local file system."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from aeflow.errors import ConfigError

__all__ = ["LocalFiles", "contained", "sha256_of"]


class LocalFiles:
    """Reads and writes files below one folder; names are relative and use forward slashes."""

    def __init__(self, root: Path):
        self.root = root

    def path(self, name: str) -> Path:
        """Returns where `name` lies. Raises ConfigError on a name that leaves the store."""
        return contained(self.root, name)

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file."""
        return self.path(name).read_bytes()

    def exists(self, name: str) -> bool:
        """Says whether a file or folder is there."""
        return self.path(name).exists()

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted; none where `name` is not there."""
        path = self.path(name)
        return (
            sorted(entry.name for entry in path.iterdir() if entry.is_dir())
            if path.is_dir()
            else []
        )

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not be there yet; says whether this call created it."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            with aside.open("xb") as file:
                file.write(content)
                _flush(file)
            os.link(aside, path)  # unlike a rename, a link never replaces
        except FileExistsError:
            return False
        finally:
            aside.unlink(missing_ok=True)
        return True

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path to write to; `name` appears, whole and on disk, when the block ends well."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"_{uuid.uuid4().hex}.tmp")
        try:
            yield aside
            with aside.open("rb+") as file:
                _flush(file)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    def rename_folder(self, old: str, new: str) -> bool:
        """Renames a folder; says False where another one already has the new name."""
        try:
            self.path(old).rename(self.path(new))
        except OSError:
            if self.path(new).exists():
                return False
            raise
        _flush_folder(self.path(new).parent)
        return True

    def delete(self, name: str) -> None:
        """Removes a file or a folder with all it holds; nothing where there is none."""
        path = self.path(name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def delete_if_empty(self, name: str) -> None:
        """Removes a folder that holds nothing, then the root if that holds nothing either."""
        for path in (self.path(name), self.root):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def contained(root: Path, name: str) -> Path:
    """Returns `root/name`. Raises ConfigError where the name would lead out of the root."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise ConfigError(
            f"The name {name!r} leads out of its folder; names are relative, without '..'."
        )
    return root.joinpath(*parts)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
