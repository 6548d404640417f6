"""Takes things out of a store, so that a kill leaves nothing that looks whole and is not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aeflow.storage.disk.files import PARTIAL
from aeflow.storage.layout import KEYED
from aeflow.storage.leases import Lease, LostLease
from aeflow.storage.protocol import Files, content_of
from aeflow.storage.use import claim, withdraw_claim
from aeflow.storage.verify import MANIFEST

__all__ = [
    "ADDRESS",
    "remove_artifact",
    "remove_draft",
    "remove_leftovers",
    "remove_log",
]

ADDRESS = re.compile(rf"[^/]+/{KEYED}")
"""How the folder of an answer is named; a store may hold folders of other people, too."""


def remove_artifact(files: Files, address: str, *, unused_since: float) -> bool:
    """Removes an answer that nobody has used since; says whether it is gone now.

    It is claimed first, so that from then on it is absent for every process. Then goes the
    manifest, and then the rest. A process that asks for the answer meanwhile waits until all of
    it is gone. If this process dies, another prune or the next commit of the answer goes on.
    """
    with suppress(LostLease), _alone(files, address) as lease:
        if lease and _lost_manifest(files, address, unused_since=unused_since):
            files.discard(address, check=lease.check)
            return True
    return False


def remove_draft(files: Files, name: str, *, unused_since: float) -> bool:
    """Removes unfinished work that nobody holds or has changed since; says whether it is gone."""
    with suppress(LostLease), _alone(files, name.removesuffix(PARTIAL)) as lease:
        if lease and files.last_change(name) < unused_since:
            files.discard(name, check=lease.check)
            return True
    return False


def remove_leftovers(files: Files, address: str) -> None:
    """Removes the lease and the draft of a process that died once its answer was committed.

    What a living process holds stays.
    """
    draft = f"{address}{PARTIAL}"
    if files.exists(f"{address}.lease") or files.exists(draft):
        with suppress(OSError), _alone(files, address) as lease:  # some may only read
            if lease:
                files.delete(draft)


def remove_log(files: Files, name: str, *, model: str) -> bool:
    """Removes the live log of a model that is neither there nor in the making; says if it did."""
    with _alone(files, model) as lease:
        if not lease or files.exists(model) or files.exists(f"{model}{PARTIAL}"):
            return False
        files.delete(name)
        return True


def _lost_manifest(files: Files, address: str, *, unused_since: float) -> bool:
    """Claims an answer and removes its manifest; says whether the address has none now."""
    name = f"{address}/{MANIFEST}"
    manifest = content_of(files, name)
    if manifest is None:
        return True
    if not claim(files, address, unused_since=unused_since):
        return False
    if not files.replace(name, manifest, None):  # the answer was made anew after this look
        withdraw_claim(files, address)
        return False
    return True


@contextmanager
def _alone(files: Files, address: str) -> Iterator[Lease | None]:
    """Holds the lease of an address, so that no process makes there what is being removed.

    Gives None if another process holds it.
    """
    lease = Lease(files, f"{address}.lease")
    try:
        yield lease if lease.acquire() else None
    finally:
        lease.release()
