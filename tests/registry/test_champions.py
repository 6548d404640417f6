"""Champions: which model may become one, which was one before, and what the history records."""

import json
import multiprocessing
from datetime import UTC, datetime

import pytest

from aeflow.artifacts import Model, Verdict
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.registry.champions import (
    champion_of,
    champions,
    history_of,
    promote,
    rollback,
    rollback_note,
    rolled_back,
)
from aeflow.storage import Store
from tests.judged import another, verdict
from tests.storage.questions import promote_at_once

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(changed) -> Store:
    return changed.store


@pytest.fixture
def models(changed) -> dict[str, Model]:
    """Three models of the digits."""
    return {name: another(changed.store, changed.model, name) for name in ("a", "b", "c")}


def crown(store: Store, model: Model, run: str = "") -> None:
    promote(verdict(store, model), store, model=model, run=run)


def names(models: dict[str, Model], keys: list) -> list:
    names_by_key = {model.key: name for name, model in models.items()}
    return [names_by_key.get(key) for key in keys]


def test_passed_model_becomes_champion(store, models):
    start, passed = datetime.now(UTC), verdict(store, models["a"])
    entry = promote(passed, store, model=models["a"], run="run-1")
    assert start <= entry.when <= datetime.now(UTC)
    assert entry.model_dump(exclude={"when"}) == {
        "model": models["a"].key,
        "identity": "a" * 64,
        "verdict": passed.key,
        "run": "run-1",
        "action": "promoted",
        "before": None,
    }
    assert champion_of("digits", store) == models["a"]
    assert champions(store) == {"digits": models["a"].key}
    content = json.loads((store.root / "aliases/digits/champion.json").read_text())
    assert (content["version"], content["current"]) == (1, entry.model_dump(mode="json"))
    assert content["history"] == [content["current"]]


def test_name_without_a_champion_has_none(store):
    assert champion_of("digits", store) is None
    assert history_of("digits", store) == ()
    assert champions(store) == {}


def test_next_champion_names_the_one_before(store, models):
    crown(store, models["a"], "run-1")
    crown(store, models["b"], "run-2")
    entries = history_of("digits", store)
    assert names(models, [entry.model for entry in entries]) == ["a", "b"]
    assert names(models, [entry.before for entry in entries]) == [None, "a"]
    assert [entry.run for entry in entries] == ["run-1", "run-2"]


def test_champion_that_is_promoted_again_stays_it(store, models):
    crown(store, models["a"], "run-1")
    crown(store, models["a"], "retried")
    assert [entry.run for entry in history_of("digits", store)] == ["run-1"]


def refused(store, models) -> tuple[Verdict, str]:
    failed = verdict(store, models["a"], passed=False)
    return failed, f"'{failed.address}' refuses the model: Bad"


def flattered(store, models) -> tuple[Verdict, str]:
    failed = verdict(store, models["a"], passed=False)
    forged = failed.model_copy(update={"passed": True})
    return forged, f"'{forged.address}' is not committed in the store {store.url}"


def imagined(store, models) -> tuple[Verdict, str]:
    forged = verdict(store, models["a"]).model_copy(update={"key": "0" * 16})
    return forged, f"'verdicts/{'0' * 16}' is not committed in the store {store.url}"


def about_another(store, models) -> tuple[Verdict, str]:
    other_verdict = verdict(store, models["b"])
    return (
        other_verdict,
        f"'{other_verdict.address}' is about '{models['b'].key}', not '{models['a'].key}'",
    )


@pytest.mark.parametrize("case", [refused, flattered, imagined, about_another])
def test_nothing_is_promoted_without_a_passed_verdict(store, models, case):
    invalid_verdict, reason = case(store, models)
    with pytest.raises(ConfigError) as caught:
        promote(invalid_verdict, store, model=models["a"])
    assert str(caught.value) == (
        f"Nothing is promoted without a passed verdict: {reason}. Promote a model that has one."
    )
    assert not (store.root / "aliases").exists()


@pytest.mark.parametrize("part", ["verdict", "model"])
def test_damaged_files_are_not_promoted(store, models, part):
    passed = verdict(store, models["a"])
    file = {
        "verdict": store.locate(passed) / "verdict.json",
        "model": store.locate(models["a"]) / "config.json",
    }[part]
    file.write_text("X" * file.stat().st_size)
    with pytest.raises(CorruptArtifact, match=f"{file.name}' is not what was committed"):
        promote(passed, store, model=models["a"])
    assert champion_of("digits", store) is None


def test_rolling_back_goes_back_and_further_back(store, models):
    for name in ("a", "b", "c"):
        crown(store, models[name], f"promote {name}")
    first = rollback("digits", store, run="back-1")
    second = rollback("digits", store, run="back-2")
    assert (first.action, first.run) == ("rolled back", "back-1")
    assert names(models, [first.model, first.before]) == ["b", "c"]
    assert names(models, [second.model, second.before]) == ["a", "b"]
    assert (second.identity, second.verdict) == ("a" * 64, verdict(store, models["a"]).key)
    assert champion_of("digits", store) == models["a"]
    entries = history_of("digits", store)
    assert names(models, [entry.model for entry in entries]) == ["a", "b", "c", "b", "a"]


def test_champion_after_a_rollback_is_rolled_back_to_the_one_it_followed(store, models):
    for name in ("a", "b"):
        crown(store, models[name])
    rollback("digits", store)
    crown(store, models["c"])
    assert names(models, [rollback("digits", store).model]) == ["a"]


def test_model_that_was_rolled_back_is_promoted_only_again(store, models):
    for name in ("a", "b"):
        crown(store, models[name])
    rollback("digits", store)
    key = models["b"].key
    with pytest.raises(ConfigError) as caught:
        crown(store, models["b"])
    assert str(caught.value) == (
        f"The model '{key}' was rolled back as champion of 'digits'. "
        f"`aeflow promote {key} --again` promotes it if it passes the gate."
    )
    assert rollback_note(models["b"], store) == str(caught.value)
    assert (rolled_back("digits", store), champion_of("digits", store)) == ({key}, models["a"])
    entry = promote(verdict(store, models["b"]), store, model=models["b"], again=True)
    assert (entry.action, entry.again) == ("promoted", True)
    assert (rolled_back("digits", store), champion_of("digits", store)) == (set(), models["b"])
    assert rollback_note(models["b"], store) is None


def test_again_needs_a_passed_verdict_and_counts_only_for_a_model_that_was_rolled_back(
    store, models
):
    for name in ("a", "b"):
        crown(store, models[name])
    rollback("digits", store)
    with pytest.raises(ConfigError, match="Bad"):
        promote(verdict(store, models["b"], passed=False), store, model=models["b"], again=True)
    entry = promote(verdict(store, models["c"]), store, model=models["c"], again=True)
    assert entry.again is False
    assert rolled_back("digits", store) == {models["b"].key}


def test_aliases_of_earlier_versions_say_what_was_rolled_back(store, models):
    for name in ("a", "b", "a"):
        crown(store, models[name])
    rollback("digits", store)
    name = store.root / "aliases/digits/champion.json"
    assert "again" not in name.read_text()
    assert rolled_back("digits", store) == {models["a"].key}
    # They went on to the promotion before, although its model had been rolled back.
    alias = json.loads(name.read_text())
    entry = {**alias["current"], "model": models["a"].key, "identity": "a" * 64}
    alias["current"] = {**entry, "before": models["b"].key}
    alias["history"].append(alias["current"])
    name.write_text(json.dumps({**alias, "version": 5}))
    assert champion_of("digits", store) == models["a"]
    assert rolled_back("digits", store) == {models["b"].key}
    with pytest.raises(ConfigError, match="nothing to roll back to"):
        rollback("digits", store)


@pytest.mark.parametrize(("count", "had"), [(0, "no champion"), (1, "one champion")])
def test_without_one_before_there_is_nothing_to_roll_back_to(store, models, count, had):
    for name in ("a", "b")[:count]:
        crown(store, models[name])
    with pytest.raises(ConfigError) as caught:
        rollback("digits", store)
    assert str(caught.value) == (
        f"There is nothing to roll back to: 'digits' has had {had}. Promote a new model instead."
    )
    assert len(history_of("digits", store)) == count


def test_rolled_back_to_the_first_it_goes_no_further(store, models):
    for name in ("a", "b"):
        crown(store, models[name])
    rollback("digits", store)
    with pytest.raises(ConfigError, match="nothing to roll back to"):
        rollback("digits", store)
    assert names(models, [champions(store)["digits"]]) == ["a"]


def test_champion_that_is_gone_is_reported(store, models):
    crown(store, models["a"])
    crown(store, models["b"])
    store.files.delete(models["a"].address)
    message = (
        f"The champion '{models['a'].key}' of 'digits' is no longer in the store {store.url}. "
        "Put the model back, roll back, or delete 'aliases/digits/champion.json'."
    )
    with pytest.raises(CorruptArtifact) as caught:
        rollback("digits", store)
    assert str(caught.value) == message
    assert champion_of("digits", store) == models["b"]


def test_champion_that_was_made_anew_is_another_model(store, models):
    crown(store, models["a"])
    manifest = store.locate(models["a"]) / "_manifest.json"
    manifest.write_text(manifest.read_text().replace("a" * 64, "f" * 64))
    with pytest.raises(CorruptArtifact) as caught:
        champion_of("digits", store)
    assert "of 'digits' was replaced by another model in the store" in str(caught.value)


def test_processes_that_promote_at_once_lose_no_promotion(store, models):
    verdicts = {name: verdict(store, model) for name, model in models.items()}
    barrier = SPAWN.Barrier(len(models))
    workers = [
        SPAWN.Process(
            target=promote_at_once,
            args=(store.url, verdicts[name].to_json(), model.to_json(), barrier),
        )
        for name, model in models.items()
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    entries = history_of("digits", store)
    assert sorted(names(models, [entry.model for entry in entries])) == ["a", "b", "c"]
    assert [entry.before for entry in entries] == [None, *(e.model for e in entries[:-1])]
