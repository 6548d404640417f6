"""The few verbs on bytes that a store needs, here for a folder of a local file system."""

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
    created,
    flush,
    flush_folder,
    now_on_disk,
    replacing,
    unfinished,
)

__all__ = ["MANIFEST", "PARTIAL", "WORK", "LocalFiles", "contained", "sha256_of"]

MANIFEST = "_manifest.json"
PARTIAL = ".partial"
"""How the folder of unfinished work ends."""
WORK = "_work"
"""Where a draft keeps what is not committed."""

UNLINKABLE = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What the system says where it cannot give a file a second name."""

ATTEMPTS = 10
"""How often a file is created anew where runs that failed remove its folder, empty as it is."""


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

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted; none where `name` is not there."""
        path = self.path(name)
        return (
            sorted(entry.name for entry in path.iterdir() if entry.is_file())
            if path.is_dir()
            else []
        )

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder, by their names in it, sorted."""
        folder = self.path(name)
        return sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(UNFINISHED)
        )

    def size(self, name: str) -> int:
        """Returns the bytes of a file, or of all files of a folder."""
        return sum(stat.st_size for stat in self._stats(name) if not S_ISDIR(stat.st_mode))

    def last_change(self, name: str) -> float:
        """Returns when a file, or anything in a folder, was changed last; 0 where nothing is."""
        return max((stat.st_mtime for stat in self._stats(name)), default=0.0)

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock that stamps files."""
        path = self.path(name)
        return now_on_disk(path) - path.stat().st_mtime

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns size and SHA-256 of a file's bytes; None where there is no file."""
        path = self.path(name)
        return (path.stat().st_size, sha256_of(path)) if path.is_file() else None

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Says whether a file has the size and the SHA-256 that were recorded."""
        return self.digest(name) == (entry.size, entry.sha256)

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not be there yet; says whether this call created it."""
        path = self.path(name)
        for _ in range(ATTEMPTS - 1):
            with suppress(FileExistsError, FileNotFoundError):
                return created(path, content)
        return created(path, content)

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Puts `new` in the place of a file that still holds `old`; None removes the file.

        Says whether this call did it: of several with the same `old`, one does. Readers find
        either content, never a part and, unless it is removed, never nothing.
        """
        path = self.path(name)
        with suppress(FileNotFoundError, NotADirectoryError), path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the system frees it even where we are killed
            is_current = os.path.samestat(os.fstat(file.fileno()), path.stat())
            if not is_current or file.read() != old:
                return False
            if new is None:
                path.unlink()
            else:
                with self.writing(name) as aside:
                    aside.write_bytes(new)
            flush_folder(path.parent)
            return True
        return False

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file that still holds `content`."""
        if self.read(name) == content:
            os.utime(self.path(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path to write to; `name` appears, whole and on disk, when the block ends well."""
        with replacing(self.path(name)) as written:
            yield written
            with written.open("rb+") as file:
                flush(file)

    def link(self, old: str, new: str) -> None:
        """Gives a finished file a second name, in the place of what has that name.

        The bytes are there once; where the file system knows no such links, they are copied.
        """
        with self.writing(new) as written:
            try:
                os.link(self.path(old), written)
            except OSError as error:
                if error.errno not in UNLINKABLE:
                    raise
                shutil.copyfile(self.path(old), written)

    def rename_folder(self, old: str, new: str) -> bool:
        """Renames a folder; says False where another one already has the new name."""
        for path in (self.path(old), *self.path(old).rglob("*")):
            if path.is_dir():
                flush_folder(path)  # names within it are on disk before the folder has its own
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
        """Renames a draft, with its manifest; says False where another answer is there already."""
        self.delete(f"{draft}/{WORK}")
        for leftover in self.path(draft).rglob(f"{UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        with self.writing(f"{draft}/{MANIFEST}") as path:
            path.write_bytes(manifest)
            check()
        while not self.exists(f"{address}/{MANIFEST}"):
            self.discard(address, check=check)  # a folder that lost its manifest is no answer
            if self.rename_folder(draft, address):
                return True
        self.delete(draft)
        return False

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Removes a folder, renamed first, so that what a kill leaves of it is not used.

        `check` is called after the rename: if the folder is another process's, it gets it back.
        """
        folder, _, last = name.rpartition("/")
        aside = f"{folder}/{unfinished(last)}"
        if self.exists(name) and self.rename_folder(name, aside):
            try:
                check()
            except BaseException:
                self.rename_folder(aside, name)
                raise
            self.delete(aside)

    def make_folder(self, name: str) -> None:
        """Makes a folder, and those it lies in."""
        self.path(name).mkdir(parents=True, exist_ok=True)

    def remove_if_empty(self, name: str) -> None:
        """Removes a folder that holds nothing. Raises OSError where it holds something."""
        self.path(name).rmdir()

    def local(self, name: str) -> Path:
        """Returns where a file lies or would lie: its bytes are on this machine already."""
        return self.path(name)

    def ready(self, address: str, entries: Iterable[FileEntry]) -> Path:
        """Returns the folder of an answer: its files are on this machine already."""
        return self.path(address)

    def forget(self, address: str, name: str) -> bool:
        """Says False: what lies here is no copy."""
        return False

    def publish(self, name: str, *, at_once: bool = False) -> None:
        """Does nothing: what was written is in the store already."""

    def mirrored(self, folders: Iterable[str]) -> Path:
        """Returns the folder itself: it holds them all."""
        return self.root

    def shown(self, name: str) -> str:
        """Returns the path of a file or folder."""
        return str(self.path(name) if name else self.root)

    def delete(self, name: str) -> None:
        """Removes a file or a folder with all it holds; nothing where there is none."""
        path = self.path(name)
        if path.is_dir():
            with suppress(FileNotFoundError):  # another run removes it too
                shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _stats(self, name: str) -> Iterator[os.stat_result]:
        path = self.path(name)
        for entry in (path, *path.rglob("*")):
            with suppress(FileNotFoundError):  # a temporary file that was just taken away
                yield entry.stat(follow_symlinks=False)


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
