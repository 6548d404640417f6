"""Removal from a store, in an order that never leaves a damaged artifact with a manifest."""

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
"""The pattern of an artifact's address. A store may also hold unrelated folders."""


def remove_artifact(files: Files, address: str, *, unused_since: float) -> bool:
    """Removes an artifact unless it was used after `unused_since`, a Unix time.

    Returns whether the artifact is gone. The artifact is claimed first, so that it is absent for
    every process from then on. The manifest is removed next, and the other files last. A process
    that needs the artifact meanwhile waits until all files are removed. If this process dies,
    another prune or the next commit of the artifact continues the removal.
    """
    with suppress(LostLease), _lease_of(files, address) as lease:
        if lease and _remove_manifest(files, address, unused_since=unused_since):
            files.discard(address, check=lease.check)
            return True
    return False


def remove_draft(files: Files, name: str, *, unused_since: float) -> bool:
    """Removes a draft unless a process holds it or changed it after `unused_since`, a Unix time.

    Returns whether the draft is gone.
    """
    with suppress(LostLease), _lease_of(files, name.removesuffix(PARTIAL)) as lease:
        if lease and files.last_change(name) < unused_since:
            files.discard(name, check=lease.check)
            return True
    return False


def remove_leftovers(files: Files, address: str) -> None:
    """Removes the lease and the draft of a process that died after it committed the artifact.

    The lease and the draft of a live process stay.
    """
    draft = f"{address}{PARTIAL}"
    if files.exists(f"{address}.lease") or files.exists(draft):
        with suppress(OSError), _lease_of(files, address) as lease:  # the store may be read-only
            if lease:
                files.delete(draft)


def remove_log(files: Files, name: str, *, model: str) -> bool:
    """Removes the training log `name` if its model has no artifact and no draft.

    Returns False if the log stays, also if a process holds the model's lease.
    """
    with _lease_of(files, model) as lease:
        if not lease or files.exists(model) or files.exists(f"{model}{PARTIAL}"):
            return False
        files.delete(name)
        return True


def _remove_manifest(files: Files, address: str, *, unused_since: float) -> bool:
    """Claims an artifact and removes its manifest. Returns whether no manifest is left."""
    name = f"{address}/{MANIFEST}"
    manifest = content_of(files, name)
    if manifest is None:
        return True
    if not claim(files, address, unused_since=unused_since):
        return False
    if not files.replace(name, manifest, None):  # another process has committed it again
        withdraw_claim(files, address)
        return False
    return True


@contextmanager
def _lease_of(files: Files, address: str) -> Iterator[Lease | None]:
    """Holds the lease of an address, so that no process writes there during a removal.

    Yields None if another process holds the lease.
    """
    lease = Lease(files, f"{address}.lease")
    try:
        yield lease if lease.acquire() else None
    finally:
        lease.release()
