"""Takes things out of a store, so that a kill leaves nothing that looks whole and is not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aeflow.storage.files import PARTIAL
from aeflow.storage.layout import KEYED
from aeflow.storage.leases import Lease
from aeflow.storage.protocol import Files
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

    The manifest goes first: what has none does not exist, and is made anew by who asks for it,
    however little of the rest is gone. A run that asks meanwhile waits until all of it is.
    """
    with _alone(files, address) as is_alone:
        if not is_alone:
            return False
        manifest = f"{address}/{MANIFEST}"
        if files.exists(manifest) and not files.delete_unused(manifest, unused_since):
            return False
        files.delete(address)
        return True


def remove_draft(files: Files, name: str, *, unused_since: float) -> bool:
    """Removes unfinished work that nobody holds or has changed since; says whether it is gone."""
    with _alone(files, name.removesuffix(PARTIAL)) as is_alone:
        if not is_alone or files.last_change(name) >= unused_since:
            return False
        files.discard(name)
        return True


def remove_leftovers(files: Files, address: str) -> None:
    """Removes the lease and the draft of a process that died once its answer was committed.

    What a living process holds stays.
    """
    draft = f"{address}{PARTIAL}"
    if files.exists(f"{address}.lease") or files.exists(draft):
        with suppress(OSError), _alone(files, address) as is_alone:  # some may only read
            if is_alone:
                files.delete(draft)


def remove_log(files: Files, name: str, *, model: str) -> bool:
    """Removes the live log of a model that is neither there nor in the making; says if it did."""
    with _alone(files, model) as is_alone:
        if not is_alone or files.exists(model) or files.exists(f"{model}{PARTIAL}"):
            return False
        files.delete(name)
        return True


@contextmanager
def _alone(files: Files, address: str) -> Iterator[bool]:
    """Holds an address, so that nobody makes there what is being removed; else gives False."""
    lease = Lease(files, f"{address}.lease")
    try:
        yield lease.acquire()
    finally:
        lease.release()
