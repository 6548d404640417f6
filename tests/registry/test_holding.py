"""Held challengers: until when a model waits for a person, and what prune keeps of it."""

from aeflow.artifacts import Model
from aeflow.registry.champions import promote
from aeflow.registry.holding import held_of, hold
from aeflow.registry.retention import carry_out, plan_prune
from aeflow.storage import Store
from tests.chains import age, chain, crown, model_in
from tests.judged import verdict


def held_against_a_champion(store: Store) -> tuple[Model, Model]:
    """Holds the model of a chain, which is older than two others. Returns it and the champion."""
    crowned, *others = (chain(store, word) for word in "abcd")
    crown(store, crowned)
    champion, held = model_in(store, crowned), model_in(store, others[0])
    hold(verdict(store, held, champion=champion.key), store, run="first")
    return held, champion


def removed(store: Store) -> list[str]:
    age(store)
    return [item.address for item in carry_out(plan_prune(store, keep_last=1), store)]


def test_same_model_is_held_once_against_the_same_champion(store):
    held, champion = held_against_a_champion(store)
    again = hold(verdict(store, held, champion=champion.key), store, run="second")
    assert (again.model, again.run, held_of("digits", store)) == (held.key, "first", again)


def test_prune_keeps_a_held_model_until_the_champion_changes(store):
    held, _ = held_against_a_champion(store)
    assert held.address not in removed(store)
    newest = chain(store, "e")
    promote(verdict(store, model_in(store, newest)), store, model=model_in(store, newest))
    assert held_of("digits", store) is None
    assert held.address in removed(store)
