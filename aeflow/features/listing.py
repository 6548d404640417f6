"""The feature sets of a store: contents, dataset and model of each set, and the current set."""

from datetime import datetime
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import FeatureSet
from aeflow.errors import ConfigError
from aeflow.lineage import Manifest
from aeflow.registry.features_address import newest_features
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["ListedFeatures", "feature_set_of", "list_features"]


class ListedFeatures(BaseModel):
    """Describes a stored feature set.

    `is_current` says whether the alias of its dataset name points at this set.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    dataset: str
    made_from: str
    model: str
    identity: str
    latent_dim: int
    layout: str
    rows: dict[str, int]
    shards: int
    size: int
    created: datetime
    is_current: bool


def list_features(store: Store) -> list[ListedFeatures]:
    """Lists the stored feature sets, newest first. Sets with a damaged manifest are left out."""
    current: dict[str, str | None] = {}  # each alias is read only once
    rows = []
    for manifest in manifests_of(FeatureSet, store):
        made_from = PurePosixPath(manifest.question.inputs["dataset"].address).name
        dataset = made_from.rpartition("-")[0]
        if dataset not in current:
            newest = newest_features(dataset, store)
            current[dataset] = newest.address if newest else None
        rows.append(_row(manifest, made_from, dataset, current=current[dataset]))
    return sorted(rows, key=lambda row: row.created, reverse=True)


def feature_set_of(dataset_name: str | None, store: Store) -> FeatureSet:
    """Returns the current feature set of a dataset name, or the newest set if no set is current.

    If the name is None, returns the newest feature set of all names. Raises ConfigError if there is
    no feature set.
    """
    rows = list_features(store)
    candidates = [row for row in rows if dataset_name in (None, row.dataset)]
    if not candidates:
        names = ", ".join(dict.fromkeys(row.dataset for row in rows))
        raise ConfigError(
            f"There are no features{f' of {dataset_name!r}' if dataset_name else ''} in the store "
            f"{store.url}. "
            + (f"Datasets with features: {names}." if names else "`aeflow encode` makes some.")
        )
    current = [row for row in candidates if row.is_current] if dataset_name else []
    address = f"{FeatureSet.folder}/{(current or candidates)[0].key}"
    return FeatureSet.model_validate(store.manifest(address).artifact)


def _row(
    manifest: Manifest, made_from: str, dataset: str, *, current: str | None
) -> ListedFeatures:
    features = FeatureSet.model_validate(manifest.artifact)
    files = [entry for entry in manifest.files if entry.name.endswith(".parquet")]
    return ListedFeatures(
        key=features.key,
        dataset=dataset,
        made_from=made_from,
        model=PurePosixPath(manifest.question.inputs["model"].address).name,
        identity=features.identity,
        latent_dim=features.latent_dim,
        layout=features.layout,
        rows=features.rows,
        shards=len(files),
        size=sum(entry.size for entry in files),
        created=manifest.created,
        is_current=current == features.address,
    )
