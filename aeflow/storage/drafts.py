"""Unfinished work: a folder `<address>.partial` that becomes the answer when it is committed."""

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
    """Lets another process add to a draft while the one that holds its lease lives."""

    model_config = ConfigDict(frozen=True)

    address: str
    lease: str
    holder: str


class Draft:
    """Takes the files of an answer in the making; what stands under `_work/` is not committed."""

    def __init__(self, files: Files, share: Share):
        self.files = files
        self.share = share
        self.name = f"{share.address}{PARTIAL}"
        self._recorded: dict[str, FileEntry] = {}
        files.make_folder(self.name)
        self.remove(MANIFEST)  # of a run that was killed just before its commit

    @property
    def folder(self) -> Path:
        """Where the finished files lie on this machine."""
        return self.files.path(self.name)

    @property
    def shown(self) -> str:
        """The address of the draft, as people are told it."""
        return self.files.shown(self.name)

    def path(self, name: str) -> Path:
        """Returns where a finished file lies or would lie, fetched if it was made elsewhere."""
        return self.files.local(self._within(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path to write to; the file is part of the draft once the block ends well."""
        with self.files.writing(self._within(name)) as path:
            yield path
            self.check()  # whoever has lost the lease adds nothing to the next one's draft

    def adopt(self, name: str, committed: str) -> None:
        """Takes a committed file of the store into the draft, as it is, under a name of its own."""
        self.files.link(committed, self._within(name))
        self.check()

    def check(self) -> None:
        """Raises LostLease where the process that shares this draft holds its lease no more."""
        check_holder(self.files, self.share.lease, self.share.holder)

    def finished(self) -> list[str]:
        """Lists the finished files, those under `_work/` included, sorted."""
        return self.files.names(self.name)

    def remove(self, name: str) -> None:
        """Drops one finished file."""
        self.files.delete(self._within(name))

    def clear(self) -> None:
        """Drops everything in the draft."""
        self.files.delete(self.name)
        self.files.make_folder(self.name)

    def holds(self, entries: Iterable[FileEntry]) -> bool:
        """Says whether these files are in the draft as they were recorded."""
        return all(self.files.holds(self._within(entry.name), entry) for entry in entries)

    def take_over(self, entries: Iterable[FileEntry]) -> None:
        """Believes what the writers of files have recorded: `entries` reads those no more."""
        self._recorded |= {entry.name: entry for entry in entries}

    def entries(self) -> tuple[FileEntry, ...]:
        """Records the finished files, without those under `_work/`."""
        names = [name for name in self.finished() if not name.startswith(f"{WORK}/")]
        return tuple(self._recorded.get(name) or self._entry(name) for name in names)

    def commit(self, address: str, manifest: bytes, entries: tuple[FileEntry, ...]) -> bool:
        """Makes the draft the answer at an address; says False where another one was first."""
        remove_claimed(self.files, address)
        return self.files.commit(self.name, address, manifest, entries=entries, check=self.check)

    def _entry(self, name: str) -> FileEntry:
        path = self.path(name)
        return FileEntry(name=name, size=path.stat().st_size, sha256=sha256_of(path))

    def _within(self, name: str) -> str:
        return f"{self.name}/{contained(self.folder, name).relative_to(self.folder).as_posix()}"


class DraftOfAnother:
    """Looks into a draft that another process holds, and changes nothing in it."""

    def __init__(self, files: Files, address: str):
        self._files = files
        self._name = f"{address}{PARTIAL}"

    def path(self, name: str) -> Path:
        """Returns where a finished file lies or would lie, fetched as it is now."""
        return self._files.local(f"{self._name}/{name}")


def content_digest(files: tuple[FileEntry, ...]) -> str:
    """Returns the digest of a folder: its files' names and SHA-256."""
    return digest_of([[entry.name, entry.sha256] for entry in files])
