"""The two locations of a store, a folder and a bucket, for tests of both."""

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
        """Copies the store to a folder next to it, and replaces what is there."""
        root = self.root.with_name(name)
        shutil.rmtree(root, ignore_errors=True)
        return Folder(shutil.copytree(self.root, root))

    def lapse_leases(self) -> None:
        """Makes all leases old enough that no process waits for a dead one."""
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
        """Copies the store to a new bucket."""
        copy = new_bucket()
        for name, content in contents(self.files()).items():
            copy.files().create(name, content)
        return copy

    def lapse_leases(self) -> None:
        """Removes all leases, so that no process waits for a dead one."""
        for name in contents(self.files()):
            if name.endswith(".lease"):
                self.files().delete(name)


Place = Folder | Bucket


def new_bucket() -> Bucket:
    return Bucket(f"memory://{uuid.uuid4().hex}/store")


def contents(files: Files) -> dict[str, bytes]:
    """Returns every file in a location, including unfinished files and removal markers."""
    if isinstance(files, ObjectFiles):
        remote = files.remote
        metas = remote.ask(lambda store: remote.api.list(store).collect())
        names = sorted(meta["path"] for meta in metas)
        return {name: bytes(remote.ask(remote.api.get, name).bytes()) for name in names}
    paths = sorted(path for path in files.root.rglob("*") if path.is_file())
    return {path.relative_to(files.root).as_posix(): path.read_bytes() for path in paths}


def committed_contents(place: Place) -> dict[str, bytes]:
    """Returns the committed files without manifests, because those hold times.

    Records of use, live logs and leases are left out, too.
    """
    return {
        name: content
        for name, content in contents(place.files()).items()
        if Path(name).name not in (MANIFEST, USED)
        and not name.startswith("logs/")
        and not name.endswith(".lease")
        and not any(part.startswith(UNFINISHED) for part in Path(name).parts)
    }


def drafts(place: Place) -> list[str]:
    """Lists the drafts in a folder, or the files of the drafts in a bucket."""
    if isinstance(place, Folder):
        return [path.relative_to(place.root).as_posix() for path in place.root.rglob("*.partial")]
    return [name for name in contents(place.files()) if ".partial/" in name]
