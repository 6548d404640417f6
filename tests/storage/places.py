"""The two places where the bytes of a store may lie, a folder and a bucket, for tests of both."""

import os
import shutil
import time
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aeflow.storage import Store
from aeflow.storage.bucket.files import ObjectFiles
from aeflow.storage.disk.durable import UNFINISHED
from aeflow.storage.disk.files import MANIFEST, LocalFiles
from aeflow.storage.protocol import Files
from aeflow.storage.use import USED
from tests.storage.faults import Fault, FaultyFiles, FaultyRemote


@dataclass(frozen=True)
class Folder:
    """A store in a folder."""

    root: Path

    def files(self) -> Files:
        return LocalFiles(self.root)

    def store(self, fault: Fault | None = None) -> Store:
        return Store(self.root, files=partial(FaultyFiles, fault=fault) if fault else LocalFiles)

    def copied(self, name: str) -> "Folder":
        """Copies the store to a folder beside it, in the place of what lies there."""
        root = self.root.with_name(name)
        shutil.rmtree(root, ignore_errors=True)
        return Folder(shutil.copytree(self.root, root))

    def lapse_leases(self) -> None:
        """Lets the time pass after which nobody waits for a process that is dead."""
        then = time.time() - 60
        for lease in self.root.rglob("*.lease"):
            os.utime(lease, (then, then))


@dataclass(frozen=True)
class Bucket:
    """A store in a bucket, which every `Store` of this process sees."""

    url: str

    def files(self) -> ObjectFiles:
        return ObjectFiles(self.url)

    def store(self, fault: Fault | None = None) -> Store:
        store = Store(self.url)
        if fault:
            assert isinstance(store.files, ObjectFiles)
            store.files.remote = FaultyRemote(self.url, fault)
        return store

    def copied(self, _: str) -> "Bucket":
        """Copies the store to a bucket that nothing else has."""
        copy = new_bucket()
        for name, content in contents(self.files()).items():
            copy.files().create(name, content)
        return copy

    def lapse_leases(self) -> None:
        """Lets the time pass after which nobody waits for a process that is dead."""
        for name in contents(self.files()):
            if name.endswith(".lease"):
                self.files().delete(name)


Place = Folder | Bucket


def new_bucket() -> Bucket:
    return Bucket(f"memory://{uuid.uuid4().hex}/store")


def contents(files: Files) -> dict[str, bytes]:
    """Returns every file below a place, those in the making and the marks of removals, too."""
    if isinstance(files, ObjectFiles):
        remote = files.remote
        metas = remote.ask(lambda store: remote.api.list(store).collect())
        found = sorted(meta["path"] for meta in metas)
        return {name: bytes(remote.ask(remote.api.get, name).bytes()) for name in found}
    paths = sorted(path for path in files.root.rglob("*") if path.is_file())
    return {path.relative_to(files.root).as_posix(): path.read_bytes() for path in paths}


def committed_contents(place: Place) -> dict[str, bytes]:
    """Returns what is committed: no manifests, which hold times, no uses, live logs or leases."""
    return {
        name: content
        for name, content in contents(place.files()).items()
        if Path(name).name not in (MANIFEST, USED)
        and not name.startswith("logs/")
        and not name.endswith(".lease")
        and not any(part.startswith(UNFINISHED) for part in Path(name).parts)
    }


def drafts(place: Place) -> list[str]:
    """Lists the files of unfinished work, and its folders."""
    if isinstance(place, Folder):
        return [path.relative_to(place.root).as_posix() for path in place.root.rglob("*.partial")]
    return [name for name in contents(place.files()) if ".partial/" in name]
