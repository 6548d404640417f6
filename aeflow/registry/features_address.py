"""The features address: the stable name of the newest features of a dataset name."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import FeatureSet
from aeflow.errors import ConfigError
from aeflow.registry.champions import history_of
from aeflow.storage import Store
from aeflow.storage.aliases import Alias, alias_file, alias_owners, change_alias, read_alias

__all__ = ["NewestFeatures", "names_with_features", "newest_features", "point_features"]

FEATURES = "features"


class NewestFeatures(BaseModel):
    """Records one change of a dataset name's newest features: address, model identity and run."""

    model_config = ConfigDict(frozen=True)

    address: str
    identity: str
    run: str
    when: datetime
    before: str | None


def point_features(
    features: FeatureSet, store: Store, *, dataset_name: str, run: str = ""
) -> NewestFeatures:
    """Points the stable address `aliases/<dataset name>/features.json` at a feature set.

    Raises ConfigError if the dataset name has a champion and another model made the features. That
    is so if the champion changed while they were encoded.
    """
    store.reading(features, [])

    def change(alias: Alias[NewestFeatures] | None) -> NewestFeatures:
        _check_of_champion(features, store, dataset_name)
        before = alias.current if alias else None
        if before and (before.address, before.identity) == (features.address, features.identity):
            return before
        return NewestFeatures(
            address=features.address,
            identity=features.identity,
            run=run,
            when=datetime.now(UTC),
            before=before.address if before else None,
        )

    name = alias_file(dataset_name, FEATURES)
    return change_alias(store.files, name, change, entry_type=NewestFeatures).current


def names_with_features(store: Store) -> list[str]:
    """Lists the names of the datasets that have newest features, sorted."""
    return alias_owners(store.files, FEATURES)


def newest_features(dataset_name: str, store: Store) -> NewestFeatures | None:
    """Returns the newest features of a dataset name, or None if none were made yet."""
    alias = read_alias(store.files, alias_file(dataset_name, FEATURES), NewestFeatures)
    return alias.current if alias else None


def _check_of_champion(features: FeatureSet, store: Store, dataset_name: str) -> None:
    history = history_of(dataset_name, store)
    if history and history[-1].identity != features.identity:
        raise ConfigError(
            f"The features address of '{dataset_name}' names features of its champion only. "
            f"'{features.address}' are not of '{history[-1].model}', the champion now. "
            "Run it again to encode with that one."
        )
