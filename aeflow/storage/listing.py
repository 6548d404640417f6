"""Listings of a store: its drafts, and the manifests of one type of artifact."""

import logging
from collections.abc import Callable

from aeflow.artifacts import Artifact
from aeflow.errors import CorruptArtifact
from aeflow.lineage import Manifest
from aeflow.storage.disk.files import PARTIAL
from aeflow.storage.store import Store

__all__ = ["drafts_in", "manifests_of", "newest_of"]

logger = logging.getLogger(__name__)


def drafts_in(store: Store) -> list[str]:
    """Lists the addresses of the drafts in a store, sorted."""
    folders = sorted(kind.folder for kind in Artifact.__subclasses__())
    return [
        f"{folder}/{name}"
        for folder in folders
        for name in store.files.folders(folder)
        if name.endswith(PARTIAL)
    ]


def manifests_of(answer_type: type[Artifact], store: Store) -> list[Manifest]:
    """Returns all manifests of one type of artifact. Damaged manifests are logged and left out."""
    manifests = []
    for name in store.files.folders(answer_type.folder):
        try:
            manifest = store.find(f"{answer_type.folder}/{name}")
        except CorruptArtifact as error:
            logger.warning("%s", error)
            continue
        if manifest and not name.endswith(PARTIAL):
            manifests.append(manifest)
    return manifests


def newest_of(
    answer_type: type[Artifact], store: Store, matches: Callable[[Manifest], bool]
) -> Manifest | None:
    """Returns the newest manifest of one type of artifact for which `matches` is true, or None."""
    manifests = filter(matches, manifests_of(answer_type, store))
    return max(manifests, key=lambda manifest: manifest.created, default=None)
