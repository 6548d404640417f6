"""Records of use: a file `_used` next to the manifest of an artifact.

A process that reads an artifact writes `_used`, unless that file or the manifest is younger than
five minutes. A prune claims an artifact before it deletes anything: it replaces the content of
`_used` with "removed". This succeeds only if `_used` is unchanged since the prune read that file.
Either the use or the claim therefore comes first. A use makes the claim fail, and a process that
reads the claim treats the artifact as absent. Each use writes different bytes, because the
replacement compares contents.
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
"""A use is recorded only if no other use was recorded within this time."""
GRACE_SECONDS = 2 * RECORD_SECONDS
"""An artifact must have been unused for at least this long before a prune may claim it."""


def record_use(files: Files, address: str) -> bool:
    """Records that an artifact is used now.

    Returns False if the artifact is absent or claimed by a prune. Callers read the manifest after
    this call, because from then on no prune removes the artifact for a while. If the store is
    read-only or full, the use is not recorded, but the result is True.
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
    """Returns the Unix time of an artifact's last recorded use.

    The modification time of the manifest counts as a use, too. A commit sets this time, and earlier
    versions of aeflow renewed it with each use.
    """
    return max(files.last_change(f"{address}/{name}") for name in (USED, MANIFEST))


def is_claimed(files: Files, address: str) -> bool:
    """Returns whether a prune is removing this artifact, or was killed during its removal."""
    return content_of(files, f"{address}/{USED}") == CLAIMED


def claim(files: Files, address: str, *, unused_since: float) -> bool:
    """Claims an artifact for removal unless it was used after `unused_since`, a Unix time.

    Returns whether the artifact is claimed.
    """
    name = f"{address}/{USED}"
    recorded = content_of(files, name)  # read first: `last_use` then shows a use in between
    if recorded == CLAIMED:
        return True
    return last_use(files, address) < unused_since and _swap(files, name, recorded, CLAIMED)


def withdraw_claim(files: Files, address: str) -> None:
    """Withdraws a claim, so that the artifact is available again."""
    files.replace(f"{address}/{USED}", CLAIMED, None)


def remove_claimed(files: Files, address: str) -> None:
    """Removes the manifest of an artifact if a prune claimed the artifact and was then killed."""
    manifest = content_of(files, f"{address}/{MANIFEST}")  # read first: the claim applies to it
    if manifest is not None and is_claimed(files, address):
        files.replace(f"{address}/{MANIFEST}", manifest, None)


def _is_recent(files: Files, address: str) -> bool:
    """Returns whether a use was recorded within RECORD_SECONDS.

    If the clock of the store differs by more than that, returns False.
    """
    return any(
        abs(time.time() - files.last_change(f"{address}/{name}")) < RECORD_SECONDS
        for name in (USED, MANIFEST)
    )


def _swap(files: Files, name: str, old: bytes | None, new: bytes) -> bool:
    return files.create(name, new) if old is None else files.replace(name, old, new)
