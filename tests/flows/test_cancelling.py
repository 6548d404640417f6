"""A run that looks for itself whether it was cancelled."""

from collections.abc import Callable

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from aeflow.errors import Interrupted
from flows.cancelling import Cancellation

NO_SERVER = "http://127.0.0.1:9/api"
MOST_LOOKS = 10


def test_cancelled_run_is_interrupted_at_the_second_look(client: SyncPrefectClient):
    """At the first it may be that the runner is just about to end it."""
    assert looks_until_interrupted(client, after_each=lambda cancellation: None) >= 2


def test_look_in_vain_between_two_others_takes_nothing_back(client: SyncPrefectClient):
    assert looks_until_interrupted(client, after_each=look_in_vain) >= 2


def look_in_vain(cancellation: Cancellation) -> None:
    with temporary_settings({PREFECT_API_URL: NO_SERVER}):
        cancellation.check()


def looks_until_interrupted(
    client: SyncPrefectClient, after_each: Callable[[Cancellation], None]
) -> int:
    """How often a cancelled run looks; more often where the server is slow to answer."""
    looks = []

    @flow
    def working() -> None:
        cancellation = Cancellation(seconds_between=0.0)
        cancellation.check()
        cancellation.check()
        client.set_flow_run_state(flow_run.id, Cancelling())
        with pytest.raises(Interrupted, match="was cancelled"):
            for _ in range(MOST_LOOKS):
                looks.append("cancelled")
                cancellation.check()
                after_each(cancellation)

    working(return_state=True)
    assert len(looks) < MOST_LOOKS
    return len(looks)


def test_it_is_not_looked_all_the_time_nor_without_a_server(server: None):
    @flow
    def working() -> bool:
        with temporary_settings({PREFECT_API_URL: NO_SERVER}):
            Cancellation(seconds_between=0.0).check()
        rare = Cancellation()
        for _ in range(100_000):
            rare.check()
        return True

    assert working()
