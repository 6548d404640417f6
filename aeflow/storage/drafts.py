"""Drafts: folders `<address>.partial` of unfinished work that become artifacts on commit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aeflow.lineage import FileEntry, digest_of
from aeflow.storage.disk.files import MANIFEST, PARTIAL, WORK, contained, sha256_of
from aeflow.storage.leases import check_holder
from aeflow.storage.protocol import Files
from aeflow.storage.use import remove_claimed

__all__ = ["Draft", "DraftOfAnother", "Share", "content_digest"]


class Share(BaseModel):
    """Identifies a draft and its lease, so that other processes can add files to the draft.

    Other processes can add files as long as the lease is held.
    """

    model_config = ConfigDict(frozen=True)

    address: str
    lease: str
    holder: str


class Draft:
    """Collects the files of an unfinished artifact. Files under `_work/` are not committed."""

    def __init__(self, files: Files, share: Share):
        self.files = files
        self.share = share
        self.name = f"{share.address}{PARTIAL}"
        self._recorded_entries: dict[str, FileEntry] = {}
        files.make_folder(self.name)
        self.remove(MANIFEST)  # left by a run that was killed just before its commit

    @property
    def folder(self) -> Path:
        """The folder of the finished files on this machine."""
        return self.files.path(self.name)

    @property
    def shown(self) -> str:
        """The address of the draft, as it is shown to users."""
        return self.files.shown(self.name)

    def path(self, name: str) -> Path:
        """Returns the local path of a finished file, even if there is no such file.

        If the file was written on another machine, it is fetched.
        """
        return self.files.local(self._name_in_store(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yields a path to write to. The file joins the draft if the block raises no error."""
        with self.files.writing(self._name_in_store(name)) as path:
            yield path
            self.check()  # without the lease, the draft may already belong to another process

    def adopt(self, name: str, committed: str) -> None:
        """Adds a committed file of the store to the draft, unchanged, under the name `name`."""
        self.files.link(committed, self._name_in_store(name))
        self.check()

    def check(self) -> None:
        """Raises LostLease if the process that shares this draft no longer holds its lease."""
        check_holder(self.files, self.share.lease, self.share.holder)

    def finished(self) -> list[str]:
        """Lists the finished files, including those under `_work/`, sorted."""
        return self.files.names(self.name)

    def remove(self, name: str) -> None:
        """Removes one finished file."""
        self.files.delete(self._name_in_store(name))

    def clear(self) -> None:
        """Removes everything in the draft."""
        self.files.delete(self.name)
        self.files.make_folder(self.name)

    def holds(self, entries: Iterable[FileEntry]) -> bool:
        """Returns whether the draft has the files of all these entries, unchanged."""
        return all(self.files.holds(self._name_in_store(entry.name), entry) for entry in entries)

    def take_over(self, entries: Iterable[FileEntry]) -> None:
        """Keeps entries that other writers recorded.

        The method `entries` then does not read the files of these entries.
        """
        self._recorded_entries |= {entry.name: entry for entry in entries}

    def entries(self) -> tuple[FileEntry, ...]:
        """Returns the entries of all finished files, except for files under `_work/`."""
        names = [name for name in self.finished() if not name.startswith(f"{WORK}/")]
        return tuple(self._recorded_entries.get(name) or self._entry(name) for name in names)

    def commit(self, address: str, manifest: bytes, entries: tuple[FileEntry, ...]) -> bool:
        """Commits the draft as the artifact at an address.

        Returns False if another process committed there first.
        """
        remove_claimed(self.files, address)
        return self.files.commit(self.name, address, manifest, entries=entries, check=self.check)

    def _entry(self, name: str) -> FileEntry:
        path = self.path(name)
        return FileEntry(name=name, size=path.stat().st_size, sha256=sha256_of(path))

    def _name_in_store(self, name: str) -> str:
        return f"{self.name}/{contained(self.folder, name).relative_to(self.folder).as_posix()}"


class DraftOfAnother:
    """Reads a draft that another process holds, and changes nothing in it."""

    def __init__(self, files: Files, address: str):
        self._files = files
        self._name = f"{address}{PARTIAL}"

    def path(self, name: str) -> Path:
        """Returns the local path of a finished file, fetched in its current state.

        The path is returned even if there is no such file.
        """
        return self._files.local(f"{self._name}/{name}")


def content_digest(files: tuple[FileEntry, ...]) -> str:
    """Returns the digest of a folder, made of the names and SHA-256 digests of its files."""
    return digest_of([[entry.name, entry.sha256] for entry in files])
