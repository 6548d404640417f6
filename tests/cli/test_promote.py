"""`aeflow promote` by a person: the history has the user and the reason."""

from aeflow.registry.champions import history_of, promote
from flows.cli import main
from tests.judged import another, verdict


def test_reason_and_user_are_in_the_history(changed, monkeypatch):
    store, first = changed.store, changed.model
    monkeypatch.setenv("LOGNAME", "ada")
    promote(verdict(store, first), store, model=first)
    held = another(store, first, "other")
    verdict(store, held, champion=first.key)
    options = ["--store", store.url, "--reason", "The sensor was replaced."]
    assert main(["promote", held.key, *options]) == 0
    earlier, newest = history_of("digits", store)
    assert (newest.model, newest.by, newest.reason) == (
        held.key,
        "ada",
        "The sensor was replaced.",
    )
    assert not {"by", "reason"} & earlier.model_dump().keys()
