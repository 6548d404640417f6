"""The use of an artifact: a file `_used` beside its manifest, which a prune claims first.

A process that reads an artifact puts `_used`, unless that or the manifest is younger than five
minutes. A prune swaps the content of `_used` for "removed" before it deletes anything, and only if
`_used` is still what it was when the prune looked. So of a use and a removal one comes first: a
use makes the claim fail, and a process that finds the claim treats the artifact as absent. Each
use writes other bytes, because a swap compares contents.
"""

import time
import uuid

from aeflow.errors import ConfigError
from aeflow.storage.disk.files import MANIFEST
from aeflow.storage.protocol import Files, content_of

__all__ = [
    "GRACE_SECONDS",
    "RECORD_SECONDS",
    "USED",
    "claim",
    "is_claimed",
    "last_use",
    "record_use",
    "remove_claimed",
    "withdraw_claim",
]

USED = "_used"
CLAIMED = b"removed"
RECORD_SECONDS = 300.0
"""A use is recorded only if none was recorded for this long."""
GRACE_SECONDS = 2 * RECORD_SECONDS
"""An artifact must have been unused for at least this long before a prune may claim it."""


def record_use(files: Files, address: str) -> bool:
    """Records that an artifact is used now; returns False if it is absent or claimed by a prune.

    A caller reads the manifest after this call: from then on no prune removes it for a while. A
    use that cannot be written, because the store is read-only or full, is left out.
    """
    name = f"{address}/{USED}"
    while True:
        recorded = content_of(files, name)
        if recorded == CLAIMED or not (recorded or files.exists(f"{address}/{MANIFEST}")):
            return False
        if _is_recent(files, address):
            return True
        use = f"used {uuid.uuid4().hex}".encode()
        try:
            if _swap(files, name, recorded, use):
                return True
        except (OSError, ConfigError):
            return True


def last_use(files: Files, address: str) -> float:
    """Returns when the use of an artifact was last recorded.

    The commit counts as a use, and so does what earlier versions did: they renewed the time of
    the manifest.
    """
    return max(files.last_change(f"{address}/{name}") for name in (USED, MANIFEST))


def is_claimed(files: Files, address: str) -> bool:
    """Says whether a prune removes this artifact, or was killed while it did."""
    return content_of(files, f"{address}/{USED}") == CLAIMED


def claim(files: Files, address: str, *, unused_since: float) -> bool:
    """Claims an artifact for its removal unless it was used since; says whether it is claimed."""
    name = f"{address}/{USED}"
    recorded = content_of(files, name)  # read before the time: a use in between is recent
    if recorded == CLAIMED:
        return True
    return last_use(files, address) < unused_since and _swap(files, name, recorded, CLAIMED)


def withdraw_claim(files: Files, address: str) -> None:
    """Takes a claim back, so that the artifact is there again."""
    files.replace(f"{address}/{USED}", CLAIMED, None)


def remove_claimed(files: Files, address: str) -> None:
    """Removes the manifest of an artifact that a killed prune had claimed."""
    manifest = content_of(files, f"{address}/{MANIFEST}")  # read before the claim, which is of it
    if manifest is not None and is_claimed(files, address):
        files.replace(f"{address}/{MANIFEST}", manifest, None)


def _is_recent(files: Files, address: str) -> bool:
    """Says whether a use was recorded a moment ago; a clock that is far off makes it False."""
    return any(
        abs(time.time() - files.last_change(f"{address}/{name}")) < RECORD_SECONDS
        for name in (USED, MANIFEST)
    )


def _swap(files: Files, name: str, old: bytes | None, new: bytes) -> bool:
    return files.create(name, new) if old is None else files.replace(name, old, new)
