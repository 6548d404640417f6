"""Unfinished work: a folder `<address>.partial` that becomes the answer when it is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aeflow.lineage import FileEntry, digest_of
from aeflow.storage.files import UNFINISHED, LocalFiles, contained, sha256_of
from aeflow.storage.leases import check_holder
from aeflow.storage.verify import MANIFEST

__all__ = ["WORK", "Draft", "Share", "content_digest"]

WORK = "_work"


class Share(BaseModel):
    """Lets another process add to a draft while the one that holds its lease lives."""

    model_config = ConfigDict(frozen=True)

    address: str
    lease: str
    holder: str


class Draft:
    """Takes the files of an answer in the making; what stands under `_work/` is not committed."""

    def __init__(self, files: LocalFiles, share: Share):
        self.files = files
        self.share = share
        self.name = f"{share.address}.partial"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.remove(MANIFEST)  # of a run that was killed just before its commit

    @property
    def folder(self) -> Path:
        """Where the finished files lie."""
        return self.files.path(self.name)

    def path(self, name: str) -> Path:
        """Returns where a finished file lies or would lie."""
        return contained(self.folder, name)

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
        """Raises Interrupted where the process that shares this draft holds its lease no more."""
        check_holder(self.files, self.share.lease, self.share.holder)

    def finished(self) -> list[str]:
        """Lists the finished files, those under `_work/` included, sorted."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith(UNFINISHED)
        )

    def remove(self, name: str) -> None:
        """Drops one finished file."""
        self.files.delete(self._within(name))

    def clear(self) -> None:
        """Drops everything in the draft."""
        self.files.delete(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)

    def seal(self) -> tuple[FileEntry, ...]:
        """Drops working files and what a killed process left, and records the rest."""
        self.remove(WORK)
        for leftover in self.folder.rglob(f"{UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        return tuple(
            FileEntry(
                name=name, size=self.path(name).stat().st_size, sha256=sha256_of(self.path(name))
            )
            for name in self.finished()
        )

    def _within(self, name: str) -> str:
        return f"{self.name}/{self.path(name).relative_to(self.folder).as_posix()}"


def content_digest(files: tuple[FileEntry, ...]) -> str:
    """Returns the digest of a folder: its files' names and SHA-256."""
    return digest_of([[entry.name, entry.sha256] for entry in files])
