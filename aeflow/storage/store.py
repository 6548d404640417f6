"""The store: one folder of artifacts, each under the key of the question it answers."""

import errno
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from aeflow.artifacts import Artifact
from aeflow.errors import (
    ConfigError,
    CorruptArtifact,
    DivergedTraining,
    IdentityMismatch,
    SourceError,
    TransientError,
    UnfitMachine,
)
from aeflow.lineage import Answered, FileEntry, Manifest, Question, libraries, manifest_bytes
from aeflow.progress import OnProgress, Progress, silent
from aeflow.storage.bucket.remote import checked_url, is_remote
from aeflow.storage.disk.durable import local_root
from aeflow.storage.disk.files import MANIFEST, PARTIAL, LocalFiles, contained, sha256_of
from aeflow.storage.drafts import Draft, Share, content_digest
from aeflow.storage.leases import Lease, LostLease
from aeflow.storage.protocol import Files, content_of
from aeflow.storage.removal import remove_leftovers
from aeflow.storage.use import is_claimed, record_use
from aeflow.storage.verify import problems_of

__all__ = ["Store"]

WAIT_SECONDS = 0.5
MISTAKES = (ConfigError, SourceError, DivergedTraining, IdentityMismatch)
"""Errors that repeat in every run, so that a draft is not worth resuming."""
FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOENT}
"""The error numbers of a location that cannot be a store."""

A = TypeVar("A", bound=Artifact)
logger = logging.getLogger(__name__)


class Store:
    """Keeps artifacts below one URL: a local folder, or an address such as `s3://BUCKET/PREFIX`."""

    def __init__(self, url: str | Path, *, files: Callable[[Path], Files] = LocalFiles):
        self._new_folders: list[Path] = []
        self._verified_versions: set[tuple[str, int, int]] = set()
        if is_remote(str(url)):
            from aeflow.storage.bucket.files import ObjectFiles

            self.url = checked_url(str(url))
            self.files: Files = ObjectFiles(self.url)
        else:
            root = local_root(str(url))
            self.url, self.files = str(root), files(root)
            self._new_folders = [path for path in (root, *root.parents) if not path.exists()]
        self.root = self.files.root

    def locate(self, artifact: Artifact) -> Path:
        """Returns the artifact's local folder, into which `reading` fetches its files."""
        return contained(self.root, artifact.address)

    def shown(self, artifact: Artifact) -> str:
        """Returns the artifact's address, as it is shown to users."""
        return self.files.shown(artifact.address)

    def answer(
        self,
        question: Question,
        answer_type: type[A],
        work: Callable[[Draft], Answered],
        *,
        resumable: bool = False,
        on_progress: OnProgress = silent,
    ) -> A:
        """Returns the stored artifact for a question, or calls `work` to make one and commits it.

        `work` writes files into a draft and returns the fields of the artifact, without the key.
        If the fields have no `digest`, the digest of the files is used. If another process works on
        the same question, this call waits for its artifact. A resumable draft is kept after an
        interruption, but not after a mistake of the caller, such as a wrong config.
        """
        if self._is_there(question.address):
            logger.info("%s: %s is already in the store", question.stage, question.address)
            remove_leftovers(self.files, question.address)
            return self._artifact_at(question.address, answer_type)
        inputs = [source.address for source in question.inputs.values()]
        lease = Lease(self.files, f"{question.address}.lease", inputs)
        try:
            while not self._acquire(lease):
                waiting = "waits for another run's answer"
                on_progress(Progress(question.stage, 0, 1, "answer", waiting))
                time.sleep(WAIT_SECONDS)
            if not self._is_there(question.address):  # another run may have committed it meanwhile
                with self._drafting(question, lease, resumable=resumable) as draft:
                    start = time.monotonic()
                    self._commit(draft, question, answer_type, work(draft), start)
        except LostLease:
            if not self._is_there(question.address):
                raise
            logger.info("%s: another run committed the artifact first", question.stage)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise TransientError(
                f"No space is left for '{question.address}' in the store {self.url}. "
                "Free some space and run it again."
            ) from error
        finally:
            lease.release()
            self._remove_if_empty(question.folder)
        return self._artifact_at(question.address, answer_type)

    def find(self, address: str) -> Manifest | None:
        """Returns the manifest of an artifact, or None if it is absent or claimed by a prune.

        Unlike `answer`, `manifest` and `reading`, this call records no use of the artifact.
        """
        manifest = self._manifest_at(address)
        return None if manifest is None or is_claimed(self.files, address) else manifest

    def manifest(self, address: str) -> Manifest:
        """Returns the manifest at an address. Raises ConfigError if nothing is committed there."""
        manifest = self._manifest_at(address) if record_use(self.files, address) else None
        if manifest is None:
            raise ConfigError(
                f"There is no artifact '{address}' in the store {self.url}. "
                "Check the address, or name another --store."
            )
        return manifest

    def resolve(self, key: str) -> str:
        """Returns the address of a key or key prefix. Raises ConfigError unless just one fits."""
        addresses = [
            f"{answer_type.folder}/{name}"
            for answer_type in Artifact.__subclasses__()
            for name in self.files.folders(answer_type.folder)
            if self.files.exists(f"{answer_type.folder}/{name}/{MANIFEST}")
            and not name.endswith(PARTIAL)
        ]
        matches = [a for a in addresses if key in (a, a.rpartition("/")[2])]
        matches = matches or [
            a for a in addresses if key and re.split("[/-]", a)[-1].startswith(key)
        ]
        if not matches:
            raise ConfigError(
                f"No artifact has the key '{key}' in the store {self.url}. "
                "Check the key, or name another --store."
            )
        if len(matches) > 1:
            raise ConfigError(
                f"{len(matches)} artifacts have keys like '{key}' in the store {self.url}: "
                f"{', '.join(matches)}. Give more characters of the key."
            )
        return matches[0]

    def reading(self, artifact: Artifact, names: Iterable[str]) -> Path:
        """Returns a local folder with the named files, after comparing their SHA-256 digests.

        Raises CorruptArtifact if a file is missing or differs from what was committed, or if the
        artifact was computed again with another result.
        """
        manifest = self.manifest(artifact.address)
        if manifest.digest != artifact.digest:
            raise CorruptArtifact(
                f"'{artifact.address}' was computed again with another result: its digest is "
                f"{manifest.digest[:16]}, not {artifact.digest[:16]}. Start this run again."
            )
        entries = {entry.name: entry for entry in manifest.files}
        requested_names = list(dict.fromkeys(names))
        for name in requested_names:
            if name not in entries:
                raise CorruptArtifact(f"'{artifact.address}' has no file '{name}'.")
        folder = self.files.ready(artifact.address, [entries[name] for name in requested_names])
        for name in requested_names:
            problem = self._problem(artifact.address, folder, entries[name])
            if problem and self.files.forget(artifact.address, name):
                self.files.ready(artifact.address, [entries[name]])
                problem = self._problem(artifact.address, folder, entries[name])
            if problem:
                raise CorruptArtifact(
                    f"{problem} Delete the folder {self.shown(artifact)} and run again."
                )
        return folder

    def verify(self, key: str) -> list[str]:
        """Reads every byte of an artifact again. Returns one sentence for each problem."""
        address = self.resolve(key)
        try:
            manifest = self.manifest(address)
        except CorruptArtifact as error:
            return [str(error)]
        return problems_of(self.files, address, manifest)

    def _problem(self, address: str, folder: Path, entry: FileEntry) -> str | None:
        """Returns what is wrong with a local file, or None. Reads an unchanged file only once."""
        path, shown = folder / entry.name, self.files.shown(f"{address}/{entry.name}")
        stat = path.stat() if path.is_file() else None
        if stat is None:
            return f"The file '{shown}' is missing."
        if stat.st_size != entry.size:
            return f"The file '{shown}' has {stat.st_size} bytes, but {entry.size} were committed."
        file_version = (str(path), stat.st_size, stat.st_mtime_ns)
        if file_version not in self._verified_versions and sha256_of(path) != entry.sha256:
            return f"The file '{shown}' is not what was committed: its SHA-256 differs."
        self._verified_versions.add(file_version)
        return None

    def _is_there(self, address: str) -> bool:
        return record_use(self.files, address) and self._manifest_at(address) is not None

    def _manifest_at(self, address: str) -> Manifest | None:
        content = content_of(self.files, f"{address}/{MANIFEST}")
        try:
            return None if content is None else Manifest.model_validate_json(content)
        except ValidationError as error:
            raise _unreadable_manifest(address) from error

    def _artifact_at(self, address: str, answer_type: type[A]) -> A:
        try:
            return answer_type.model_validate(self.manifest(address).artifact)
        except ValidationError as error:
            raise _unreadable_manifest(address) from error

    def _acquire(self, lease: Lease) -> bool:
        try:
            return lease.acquire()
        except OSError as error:
            if error.errno not in REFUSED:
                raise
            raise ConfigError(
                f"Cannot write to the store {self.url}: {error.strerror}. Choose another --store."
            ) from error

    def _remove_if_empty(self, folder: str) -> None:
        """Removes `folder` and the folders that this object created, if they are empty."""
        with suppress(OSError):  # a folder that is not empty stays
            self.files.remove_if_empty(folder)
            for path in self._new_folders:
                path.rmdir()

    @contextmanager
    def _drafting(self, question: Question, lease: Lease, *, resumable: bool) -> Iterator[Draft]:
        """Yields a draft. Removes the draft of a failed run unless a later run can resume it."""
        share = Share(address=question.address, lease=lease.name, holder=lease.holder)
        draft = Draft(self.files, share)
        try:
            if not resumable:
                draft.clear()
            yield draft
        except BaseException as error:
            is_mistake = isinstance(error, MISTAKES) and not isinstance(error, UnfitMachine)
            is_waste = is_mistake or not resumable or not draft.finished()
            if is_waste and lease.is_held():  # otherwise the draft belongs to another process
                self.files.delete(draft.name)
            raise

    def _commit(
        self,
        draft: Draft,
        question: Question,
        answer_type: type[Artifact],
        answered: Answered,
        start: float,
    ) -> None:
        files = draft.entries()
        fields = {"digest": content_digest(files), **answered.fields}
        artifact = answer_type(key=question.key, **fields)
        manifest = Manifest(
            stage=question.stage,
            key=question.key,
            digest=artifact.digest,
            question=question,
            artifact=artifact.to_json(),
            files=files,
            runtime=dict(answered.recorded),
            libraries=libraries(),
            created=datetime.now(UTC),
            seconds=round(time.monotonic() - start, 3),
        )
        if not draft.commit(question.address, manifest_bytes(manifest), files):
            logger.info("%s: another run committed the same artifact first", question.stage)
            return
        logger.info(
            "%s: committed %s in %.1f s", question.stage, question.address, manifest.seconds
        )


def _unreadable_manifest(address: str) -> CorruptArtifact:
    return CorruptArtifact(
        f"The manifest of '{address}' cannot be read. Delete that folder and run again."
    )
