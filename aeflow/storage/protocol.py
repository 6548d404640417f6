"""The file operations that a store needs, in a local folder or under a prefix in a bucket."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from aeflow.lineage import FileEntry

__all__ = ["Files", "content_of"]


class Files(Protocol):
    """Defines the file operations of a store. Names are relative and use forward slashes."""

    root: Path

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file. Raises FileNotFoundError if there is no such file."""
        ...

    def exists(self, name: str) -> bool:
        """Returns whether a file or folder exists."""
        ...

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted."""
        ...

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted."""
        ...

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder by their names relative to it, sorted."""
        ...

    def size(self, name: str) -> int:
        """Returns the size in bytes of a file, or of all files in a folder."""
        ...

    def last_change(self, name: str) -> float:
        """Returns the Unix time of the last change to a file, or to anything in a folder.

        Returns 0 if there is no such file or folder.
        """
        ...

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock that sets file times."""
        ...

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns the size and SHA-256 of a file in the store itself, not of a cached copy.

        Returns None if there is no such file.
        """
        ...

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Returns whether a file is as its entry records.

        On disk, size and SHA-256 are compared. In an object store, only the size is compared.
        """
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not exist yet. Returns whether this call created it."""
        ...

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Replaces the content `old` of a file with `new`, or removes the file if `new` is None.

        Returns False, and changes nothing, if the file no longer holds `old`.
        """
        ...

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file if it still holds `content`."""
        ...

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with its content. Does nothing if `name` does not exist."""
        ...

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Removes an uncommitted folder. A kill midway leaves no damaged file under its name.

        `check` raises if the folder now belongs to another process.
        """
        ...

    def make_folder(self, name: str) -> None:
        """Creates a folder, if the store has folders at all."""
        ...

    def remove_if_empty(self, name: str) -> None:
        """Removes an empty folder."""
        ...

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """Yields a path to write to. If the block raises no error, that file becomes `name`.

        The file `name` is therefore always complete.
        """
        ...

    def link(self, old: str, new: str) -> None:
        """Gives a finished file a second name. An object store copies the file by itself."""
        ...

    def commit(
        self,
        draft: str,
        address: str,
        manifest: bytes,
        *,
        entries: Sequence[FileEntry],
        check: Callable[[], None],
    ) -> bool:
        """Commits a draft as the artifact at an address.

        Returns False if another process committed there first. `check` raises if the draft now
        belongs to another process.
        """
        ...

    def path(self, name: str) -> Path:
        """Returns the local path of a file, even if there is no such file."""
        ...

    def local(self, name: str) -> Path:
        """Returns a local path with the current bytes of a draft's file, fetched if necessary."""
        ...

    def ready(self, address: str, entries: Iterable[FileEntry]) -> Path:
        """Returns a local folder with these files. The folder stays while this object exists."""
        ...

    def forget(self, address: str, name: str) -> bool:
        """Removes the cached copy of a committed file. Returns False if the store has no cache."""
        ...

    def publish(self, name: str, *, at_once: bool = False) -> None:
        """Uploads all files below `path(name)` if the store is on another machine.

        A call soon after the last upload does nothing, unless `at_once` is set.
        """
        ...

    def mirrored(self, folders: Iterable[str]) -> Path:
        """Returns a local folder that contains these folders in their current state."""
        ...

    def shown(self, name: str) -> str:
        """Returns the address of a file or folder, as it is shown to users."""
        ...


def content_of(files: Files, name: str) -> bytes | None:
    """Returns the bytes of a file, or None if there is no such file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return files.read(name)
    return None
