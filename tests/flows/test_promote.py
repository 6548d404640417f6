"""Promotion by hand on a Prefect server: the history names the run and the reason."""

import pytest
from prefect.client.orchestration import SyncPrefectClient

from aeflow.errors import Refused
from aeflow.registry.champions import champion_of, history_of, promote
from flows.promote import promote as promote_flow
from tests.judged import another, verdict


def test_held_model_is_promoted_with_its_reason(client: SyncPrefectClient, changed):
    store, first = changed.store, changed.model
    promote(verdict(store, first), store, model=first)
    held = another(store, first, "other")
    verdict(store, held, champion=first.key)
    state = promote_flow(held.key, "The sensor was replaced.", store.url, return_state=True)
    assert champion_of("digits", store) == held
    newest = history_of("digits", store)[-1]
    assert (newest.run, newest.reason) == (
        str(state.state_details.flow_run_id),
        "The sensor was replaced.",
    )


def test_refused_model_is_not_promoted(client: SyncPrefectClient, changed):
    store, first = changed.store, changed.model
    verdict(store, first, passed=False)
    with pytest.raises(Refused, match=f"The gate refused '{first.key}': Bad"):
        promote_flow(first.key, "It looks good.", store.url)
    assert champion_of("digits", store) is None
