"""The list of models: what is known of each, and which are champions."""

import pytest

from aeflow.artifacts import Dataset, Model
from aeflow.registry.champions import promote, rollback
from aeflow.registry.listing import list_models
from aeflow.storage import Store
from tests.chains import made
from tests.judged import another, evaluation, verdict


@pytest.fixture
def store(changed) -> Store:
    return changed.store


@pytest.fixture
def models(changed) -> dict[str, Model]:
    """Three models of the digits."""
    return {name: another(changed.store, changed.model, name) for name in ("a", "b", "c")}


def crown(store: Store, model: Model) -> None:
    promote(verdict(store, model), store, model=model)


def test_models_are_listed_with_what_is_known_of_them(changed, models):
    store = changed.store
    crown(store, changed.model)
    evaluation(store, models["b"], changed.dataset, metrics={"mse": 0.5})
    evaluation(store, models["b"], changed.dataset, metrics={"mse": 0.25})
    (store.root / "models" / "torn.partial").mkdir()
    rows = list_models(store)
    assert [row.key for row in rows] == [
        *(models[name].key for name in ("c", "b", "a")),
        changed.model.key,
    ]
    assert [row.metrics for row in rows] == [
        {},
        {"mse": 0.25},
        {},
        changed.evaluation.metrics,
    ]
    assert [row.is_champion for row in rows] == [False, False, False, True]
    standing = {"is_champion", "is_rolled_back", "is_refused"}
    assert rows[-1].model_dump(exclude={"created", "metrics", *standing}) == {
        "key": changed.model.key,
        "dataset": "digits",
        "made_from": changed.dataset.address,
        "network": "dense",
        "kind": "plain",
        "latent_dim": 8,
    }


def test_model_that_was_rolled_back_is_listed_as_such(changed, models):
    store = changed.store
    for model in (changed.model, models["a"]):
        crown(store, model)
    rollback("digits", store)
    rows = {row.key: (row.is_champion, row.is_rolled_back) for row in list_models(store)}
    assert rows[models["a"].key] == (False, True)
    assert rows[models["b"].key] == (False, False)
    assert rows[changed.model.key] == (True, False)


def test_damaged_manifest_does_not_hide_the_other_models(store, models, caplog):
    (store.locate(models["b"]) / "_manifest.json").write_text("{")
    assert models["b"].key not in [row.key for row in list_models(store)]
    assert len(list_models(store)) == 3
    assert f"The manifest of '{models['b'].address}' cannot be read." in caplog.text


def test_model_whose_newest_verdict_did_not_pass_is_listed_as_refused(changed, models):
    store = changed.store
    verdict(store, models["a"])
    for name in ("a", "b", "c"):
        verdict(store, models[name], passed=False)
    verdict(store, models["c"], champion="x")
    refused = {row.key: row.is_refused for row in list_models(store)}
    assert [refused[models[name].key] for name in ("a", "b", "c")] == [True, True, False]
    assert refused[changed.model.key] is False


def test_evaluation_on_the_fixed_rows_of_the_nights_does_not_hide_the_other(changed, models):
    """The dataset of the first champion has the fixed rows."""
    store = changed.store
    crown(store, changed.model)
    other = made(store, Dataset, "other")
    evaluation(store, models["b"], other, metrics={"mse": 0.5})
    evaluation(store, models["b"], changed.dataset, metrics={"mse": 0.25})
    rows = {row.key: row.metrics for row in list_models(store)}
    assert rows[models["b"].key] == {"mse": 0.5}
