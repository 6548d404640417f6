"""Verdicts on a model: which one counts."""

import pytest

from aeflow.artifacts import Model
from aeflow.registry.verdicts import verdict_on
from aeflow.storage import Store
from tests.judged import another, verdict


@pytest.fixture
def store(changed) -> Store:
    return changed.store


@pytest.fixture
def models(changed) -> dict[str, Model]:
    """Three models of the digits."""
    return {name: another(changed.store, changed.model, name) for name in ("a", "b", "c")}


def test_verdict_counts_only_against_the_champion_that_it_was_compared_with(store, models):
    alone = verdict(store, models["a"])
    compared_with_b = verdict(store, models["a"], champion=models["b"].key)
    verdict(store, models["b"])
    assert verdict_on(models["a"], store, champion=None) == alone
    assert verdict_on(models["a"], store, champion=models["b"]) == compared_with_b
    assert verdict_on(models["a"], store, champion=models["c"]) is None


def test_verdict_of_another_name_does_not_count(store, models):
    verdict(store, models["a"].model_copy(update={"dataset_name": "mnist"}))
    assert verdict_on(models["a"], store, champion=None) is None


def test_newest_verdict_counts(store, models):
    verdict(store, models["a"], passed=False)
    newest = verdict(store, models["a"], passed=True)
    assert verdict_on(models["a"], store, champion=None) == newest
