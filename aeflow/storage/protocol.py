"""What a store asks of the place where its bytes lie: a folder, or a bucket and a prefix."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from aeflow.lineage import FileEntry

__all__ = ["Files", "content_of"]


class Files(Protocol):
    """Knows the verbs on bytes; names are relative and use forward slashes."""

    root: Path

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file. Raises FileNotFoundError where there is none."""
        ...

    def exists(self, name: str) -> bool:
        """Says whether a file or folder is there."""
        ...

    def folders(self, name: str) -> list[str]:
        """Lists the folders directly below `name`, sorted."""
        ...

    def file_names(self, name: str) -> list[str]:
        """Lists the files directly below `name`, sorted."""
        ...

    def names(self, name: str) -> list[str]:
        """Lists all finished files below a folder, by their names in it, sorted."""
        ...

    def size(self, name: str) -> int:
        """Returns the bytes of a file, or of all files of a folder."""
        ...

    def last_change(self, name: str) -> float:
        """Returns when a file, or anything in a folder, was changed last; 0 where nothing is."""
        ...

    def age(self, name: str) -> float:
        """Returns the seconds since a file was changed, by the clock that stamps files."""
        ...

    def digest(self, name: str) -> tuple[int, str] | None:
        """Returns size and SHA-256 of a file's bytes, read where they lie; None without a file."""
        ...

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Says whether a file is what was recorded: by SHA-256 here, by size where that is far."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file that must not be there yet; says whether this call created it."""
        ...

    def replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Puts `new` in the place of a file that still holds `old`; None removes the file."""
        ...

    def beat(self, name: str, content: bytes) -> None:
        """Renews the time of change of a file that still holds `content`."""
        ...

    def delete(self, name: str) -> None:
        """Removes a file or a folder with all it holds; nothing where there is none."""
        ...

    def discard(self, name: str, *, check: Callable[[], None]) -> None:
        """Removes a folder that is not committed, so that what a kill leaves of it is not used.

        `check` raises if the folder is no longer ours.
        """
        ...

    def make_folder(self, name: str) -> None:
        """Makes a folder where a place knows such."""
        ...

    def remove_if_empty(self, name: str) -> None:
        """Removes a folder that holds nothing."""
        ...

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """Gives a path to write to; `name` appears, whole, when the block ends well."""
        ...

    def link(self, old: str, new: str) -> None:
        """Gives a finished file a second name, without moving its bytes through this machine."""
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
        """Makes a draft the answer at an address; says False where another one was first.

        `check` raises where the draft is no longer ours.
        """
        ...

    def path(self, name: str) -> Path:
        """Returns where a file lies or would lie on this machine."""
        ...

    def local(self, name: str) -> Path:
        """Returns a path with the bytes of a file of a draft as they are now."""
        ...

    def ready(self, address: str, entries: Iterable[FileEntry]) -> Path:
        """Returns a folder on this machine that holds those committed files; it stays for now."""
        ...

    def forget(self, address: str, name: str) -> bool:
        """Drops this machine's copy of a committed file; says whether it was only that."""
        ...

    def publish(self, name: str, *, at_once: bool = False) -> None:
        """Brings what was written below `path(name)` to the store, where that is elsewhere."""
        ...

    def mirrored(self, folders: Iterable[str]) -> Path:
        """Returns a folder on this machine with those folders in it, as they are now."""
        ...

    def shown(self, name: str) -> str:
        """Returns the address of a file or folder, as people are told it."""
        ...


def content_of(files: Files, name: str) -> bytes | None:
    """Returns the bytes of a file, or None if there is no such file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return files.read(name)
    return None
