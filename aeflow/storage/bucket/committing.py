"""The commit in an object store. Files are written first, and the manifest last.

An object store has no rename, and only one writer can create the manifest. Two writers of one
artifact can meet here if one of them was wrongly taken for dead. Each file is created only if it is
absent. Only the holder of the lease replaces a file of another writer, and only if that file is
unchanged since the holder read it. A writer that was taken for dead and continues finds that its
lease is lost, or that the files have changed. A writer that finds a manifest removes only its own
files that are not in that manifest. One case remains: a writer could damage an artifact if two
other writers took the artifact over, one after the other, between two calls of the first writer.
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
"""The size of the largest file that is uploaded in one request.

Larger files are uploaded in parts. Such an upload cannot have a condition, so the stored file is
read and compared first.
"""
IN_FLIGHT = 4
ATTEMPTS = 5


class Commit:
    """Commits the files of one draft at one address."""

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
        """Commits the draft. Returns False if another writer's artifact was committed first."""
        is_first = self._files.snapshot(self._manifest) is None and self._upload(manifest, entries)
        if not is_first:
            self._withdraw({entry.name for entry in entries})
        self._files.delete(self._draft)
        return is_first

    def _upload(self, manifest: bytes, entries: Sequence[FileEntry]) -> bool:
        self._remove_strays({entry.name for entry in entries})
        try:
            with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="commit") as pool:
                list(pool.map(self._place, entries))
            self._check()
        except (AeflowError, OSError):
            if self._files.snapshot(self._manifest) is None:
                raise
            return False
        return self._files.create(self._manifest, manifest)

    def _place(self, entry: FileEntry) -> None:
        """Makes sure that the artifact has the file of an entry, with the recorded content."""
        name, draft = f"{self._address}/{entry.name}", f"{self._draft}/{entry.name}"
        self._check()
        if entry.sha256[:8] in entry.name:  # all writers of this name write the same bytes
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
            f"Another writer changed the file '{self._files.shown(name)}' in each of {ATTEMPTS} "
            "attempts to commit it. Run it again."
        )

    def _remove_strays(self, expected_names: set[str]) -> None:
        """Removes what is left of an artifact that lost its manifest or was never committed."""
        for name in self._files.names(self._address):
            if name not in expected_names | {MANIFEST}:
                self._check()
                self._files.delete_file(f"{self._address}/{name}")

    def _withdraw(self, own_names: set[str]) -> None:
        """Removes the files of this writer that the winner's manifest does not list."""
        winner = Manifest.model_validate_json(self._files.read(self._manifest))
        stored_names = set(self._files.names(self._address))
        for name in (own_names & stored_names) - {entry.name for entry in winner.files}:
            self._files.delete_file(f"{self._address}/{name}")
