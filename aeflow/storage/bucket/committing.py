"""The commit where there is no rename: files first, then the manifest, which one writer creates.

Two writers of one answer may meet here where one was taken for dead. Each file is created only
where it is absent. What another writer put is replaced only by who holds the lease, and only as it
was seen; who comes back from the dead finds its lease gone, or the files no longer as it saw them.
Who finds the manifest there takes away what is its own alone. A writer could still harm an answer
if two others took it over, one after the other, between two of its calls.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aeflow.errors import AeflowError, TransientError
from aeflow.lineage import FileEntry, Manifest
from aeflow.storage.bucket.objects import Objects
from aeflow.storage.disk.files import MANIFEST

__all__ = ["Commit"]

ONE_PUT_BYTES = 256 * 2**20
"""Larger files go in parts, which know no condition: whether one is there is asked before."""
IN_FLIGHT = 4
ATTEMPTS = 5


class Commit:
    """Brings the files of one draft to one address."""

    def __init__(
        self,
        files: Objects,
        draft: str,
        address: str,
        *,
        check: Callable[[], None],
        local: Callable[[str], Path],
    ):
        self._files = files
        self._local = local
        self._draft = draft
        self._address = address
        self._manifest = f"{address}/{MANIFEST}"
        self._check = check

    def make(self, manifest: bytes, entries: Sequence[FileEntry]) -> bool:
        """Says whether this writer's answer is the one that counts."""
        won = self._files.seen(self._manifest) is None and self._bring(manifest, entries)
        if not won:
            self._withdraw({entry.name for entry in entries})
        self._files.delete(self._draft)
        return won

    def _bring(self, manifest: bytes, entries: Sequence[FileEntry]) -> bool:
        self._remove_strays({entry.name for entry in entries})
        try:
            with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="commit") as pool:
                list(pool.map(self._place, entries))
            self._check()
        except (AeflowError, OSError):
            if self._files.seen(self._manifest) is None:
                raise
            return False
        return self._files.create(self._manifest, manifest)

    def _place(self, entry: FileEntry) -> None:
        """Sees to it that a file holds what the manifest will say of it."""
        name, draft = f"{self._address}/{entry.name}", f"{self._draft}/{entry.name}"
        self._check()
        if entry.sha256[:8] in entry.name:  # whoever writes this name writes these bytes
            self._files.copy(draft, name)
            return
        path = self._local(draft)
        if entry.size > ONE_PUT_BYTES:
            if self._files.digest(name) != (entry.size, entry.sha256):
                self._files.put(name, path)
            return
        for _ in range(ATTEMPTS):
            try:
                self._files.put(name, path, mode="create")
                return
            except self._files.remote.errors.AlreadyExistsError:
                meta = self._files.head(name)
            if meta is None:
                continue
            if self._files.digest(name) == (entry.size, entry.sha256):
                return
            self._check()
            try:
                self._files.put(name, path, mode={"e_tag": meta["e_tag"]})
                return
            except (self._files.remote.errors.PreconditionError, FileNotFoundError):
                continue
        raise TransientError(
            f"Another writer keeps changing '{self._files.shown(name)}'. Run it again."
        )

    def _remove_strays(self, known: set[str]) -> None:
        """Removes what an answer that lost its manifest, or was never committed, left there."""
        for name in self._files.names(self._address):
            if name not in known | {MANIFEST}:
                self._check()
                self._files.delete_file(f"{self._address}/{name}")

    def _withdraw(self, mine: set[str]) -> None:
        """Removes what only this writer brought, and the winner's manifest does not know."""
        winner = Manifest.model_validate_json(self._files.read(self._manifest))
        present = set(self._files.names(self._address))
        for name in (mine & present) - {entry.name for entry in winner.files}:
            self._files.delete_file(f"{self._address}/{name}")
