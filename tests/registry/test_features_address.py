"""The stable address of a dataset's features: what it holds, and what it never names."""

import json

import pytest

from aeflow.errors import ConfigError
from aeflow.registry.champions import champions, promote
from aeflow.registry.features_address import newest_features, point_features
from tests.judged import another, verdict


def test_newest_features_have_a_stable_address(changed):
    store, features = changed.store, changed.features
    first = point_features(features, store, dataset_name="digits", run="night-1")
    assert point_features(features, store, dataset_name="digits", run="night-2") == first
    content = json.loads((store.root / "aliases/digits/features.json").read_text())
    content["current"].pop("when")
    assert (content["version"], content["current"]) == (
        1,
        {
            "address": features.address,
            "identity": changed.model.identity,
            "run": "night-1",
            "before": None,
        },
    )
    assert champions(store) == {}


def test_features_of_another_model_than_the_champion_are_not_pointed_at(changed):
    store, features = changed.store, changed.features
    other = another(store, changed.model, "a")
    promote(verdict(store, changed.model), store, model=changed.model)
    before = point_features(features, store, dataset_name="digits")
    promote(verdict(store, other), store, model=other)
    with pytest.raises(ConfigError) as caught:
        point_features(features, store, dataset_name="digits", run="late")
    assert str(caught.value) == (
        "The features address of 'digits' names features of its champion only. "
        f"'{features.address}' are not of '{other.key}', the champion now. "
        "Run it again to encode with that one."
    )
    assert newest_features("digits", store) == before


def test_features_that_are_not_in_the_store_are_not_pointed_at(changed):
    missing_features = changed.features.model_copy(update={"key": "0" * 16})
    with pytest.raises(ConfigError, match=f"no artifact 'features/{'0' * 16}'"):
        point_features(missing_features, changed.store, dataset_name="digits")
    assert not (changed.store.root / "aliases").exists()
