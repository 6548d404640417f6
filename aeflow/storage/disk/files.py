"""The file operations of a store on a folder of a local file system."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from aeflow.errors import ConfigError
from aeflow.lineage import FileEntry
from aeflow.storage.disk.durable import (
    UNFINISHED,
    create_file,
    flush,
    flush_folder,
    now_on_disk,
    replacing,
    temporary_name,
)

__all__ = ["MANIFEST", "PARTIAL", "WORK", "LocalFiles", "contained", "sha256_of"]

MANIFEST = "_manifest.json"
PARTIAL = ".partial"
"""The suffix of a draft's folder."""
WORK = "_work"
"""The folder in a draft for files that are not committed."""

UNLINKABLE = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
"""The error numbers of a file system that cannot give a file a second name."""

ATTEMPTS = 10
"""Attempts to create a file. A retry happens if a failed run removes the empty folder."""


class LocalFiles:
    """Reads and writes files below one folder. Names are relative and use forward slashes."""

    def __init__(self, root: Path):
        self.root = root

    def path(self, name: str) -> Path:
        """Returns the path of `name`. Raises ConfigError if the name leads out of the store."""
        return contained(self.root, name)

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file."""
        return self.path(name).read_bytes()

    def exists(self, name: str) -> bool:
        """Returns whether a file or folder exists."""
        return self.path(name).exists()

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted; none if `name` does not exist."""
        path = self.path(name)
        return (
            sorted(entry.name for entry in path.iterdir() if entry.is_dir())
            if path.is_dir()
            else []
        )

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted; none if `name` does not exist."""
        path = self.path(name)
        return (
            sorted(entry.name for entry in path.iterdir() if entry.is_file())
            if path.is_dir()
            else []
        )

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder by their names relative to it, sorted."""
        folder = self.path(name)
        return sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(UNFINISHED)
        )

    def size(self, name: str) -> int:
        """Returns the size in bytes of a file, or of all files in a folder."""
        return sum(stat.st_size for stat in self._stats(name) if not S_ISDIR(stat.st_mode))

    def last_change(self, name: str) -> float:
        """Returns the Unix time of the last change to a file, or to anything in a folder.

        Returns 0 if there is no such file or folder.
        """
        return max((stat.st_mtime for stat in self._stats(name)), default=0.0)

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock that sets file times."""
        path = self.path(name)
        return now_on_disk(path) - path.stat().st_mtime

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns the size and SHA-256 of a file; None if there is no file."""
        path = self.path(name)
        return (path.stat().st_size, sha256_of(path)) if path.is_file() else None

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Returns whether a file has the recorded size and SHA-256."""
        return self.digest(name) == (entry.size, entry.sha256)

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not exist yet. Returns whether this call created it."""
        path = self.path(name)
        for _ in range(ATTEMPTS - 1):
            with suppress(FileExistsError, FileNotFoundError):
                return create_file(path, content)
        return create_file(path, content)

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Replaces the content `old` of a file with `new`, or removes the file if `new` is None.

        Returns whether this call made the change. Of several calls with the same `old`, only
        one succeeds. Readers always find the whole old or new content, or no file if it is removed.
        """
        path = self.path(name)
        with suppress(FileNotFoundError, NotADirectoryError), path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it even after a kill
            is_current = os.path.samestat(os.fstat(file.fileno()), path.stat())
            if not is_current or file.read() != old:
                return False
            if new is None:
                path.unlink()
            else:
                with self.writing(name) as temporary:
                    temporary.write_bytes(new)
            flush_folder(path.parent)
            return True
        return False

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file if it still holds `content`."""
        if self.read(name) == content:
            os.utime(self.path(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yields a path to write to. If the block raises no error, that file becomes `name`.

        The bytes of the file are on disk before the file gets this name.
        """
        with replacing(self.path(name)) as temporary:
            yield temporary
            with temporary.open("rb+") as file:
                flush(file)

    def link(self, old: str, new: str) -> None:
        """Gives a finished file a second name, and replaces any file that has that name.

        The bytes are stored once, or copied if the file system has no hard links.
        """
        with self.writing(new) as temporary:
            try:
                os.link(self.path(old), temporary)
            except OSError as error:
                if error.errno not in UNLINKABLE:
                    raise
                shutil.copyfile(self.path(old), temporary)

    def rename_folder(self, old: str, new: str) -> bool:
        """Renames a folder. Returns False if another folder already has the new name."""
        for path in (self.path(old), *self.path(old).rglob("*")):
            if path.is_dir():
                flush_folder(path)  # the names in it must be on disk before the rename
        try:
            self.path(old).rename(self.path(new))
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT) and self.exists(new):
                return False
            raise
        flush_folder(self.path(new).parent)
        return True

    def commit(
        self,
        draft: str,
        address: str,
        manifest: bytes,
        *,
        entries: Sequence[FileEntry],
        check: Callable[[], None],
    ) -> bool:
        """Writes the manifest into a draft, and renames the draft to the address.

        Returns False if an artifact is already at the address.
        """
        self.delete(f"{draft}/{WORK}")
        for leftover in self.path(draft).rglob(f"{UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        with self.writing(f"{draft}/{MANIFEST}") as path:
            path.write_bytes(manifest)
            check()
        while not self.exists(f"{address}/{MANIFEST}"):
            self.discard(address, check=check)  # a folder without a manifest is not an artifact
            if self.rename_folder(draft, address):
                return True
        self.delete(draft)
        return False

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Renames a folder and then removes it. A kill midway leaves nothing under the old name.

        `check` is called after the rename. If it raises, because the folder belongs to another
        process, the folder gets its name back.
        """
        folder, _, last = name.rpartition("/")
        temporary = f"{folder}/{temporary_name(last)}"
        if self.exists(name) and self.rename_folder(name, temporary):
            try:
                check()
            except BaseException:
                self.rename_folder(temporary, name)
                raise
            self.delete(temporary)

    def make_folder(self, name: str) -> None:
        """Creates a folder and its parents."""
        self.path(name).mkdir(parents=True, exist_ok=True)

    def remove_if_empty(self, name: str) -> None:
        """Removes an empty folder. Raises OSError if it is not empty."""
        self.path(name).rmdir()

    def local(self, name: str) -> Path:
        """Returns the path of a file, because its bytes are already on this machine."""
        return self.path(name)

    def ready(self, address: str, entries: Iterable[FileEntry]) -> Path:
        """Returns the folder of an artifact, because its files are already on this machine."""
        return self.path(address)

    def forget(self, address: str, name: str) -> bool:
        """Returns False, because the files here are not copies."""
        return False

    def publish(self, name: str, *, at_once: bool = False) -> None:
        """Does nothing, because what was written is already in the store."""

    def mirrored(self, folders: Iterable[str]) -> Path:
        """Returns the root of the store, which contains all folders."""
        return self.root

    def shown(self, name: str) -> str:
        """Returns the path of a file or folder."""
        return str(self.path(name) if name else self.root)

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with its content. Does nothing if `name` does not exist."""
        path = self.path(name)
        if path.is_dir():
            with suppress(FileNotFoundError):  # another run may remove it at the same time
                shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _stats(self, name: str) -> Iterator[os.stat_result]:
        path = self.path(name)
        for entry in (path, *path.rglob("*")):
            with suppress(FileNotFoundError):  # a temporary file may disappear meanwhile
                yield entry.stat(follow_symlinks=False)


def contained(root: Path, name: str) -> Path:
    """Returns `root/name`. Raises ConfigError if the name would lead out of the root."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise ConfigError(
            f"The name {name!r} leads out of its folder. Give a relative name without '..'."
        )
    return root.joinpath(*parts)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
