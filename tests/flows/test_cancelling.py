"""A run that looks for itself whether it was cancelled."""

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from aeflow.errors import Interrupted
from flows.cancelling import Cancellation


def test_cancelled_run_is_interrupted_at_the_second_look(client: SyncPrefectClient):
    """At the first it may be that the runner is just about to end it."""
    looked = []

    @flow
    def working() -> None:
        cancellation = Cancellation(seconds_between=0.0)
        cancellation.check()
        cancellation.check()
        client.set_flow_run_state(flow_run.id, Cancelling())
        cancellation.check()
        looked.append("once")
        with pytest.raises(Interrupted, match="was cancelled"):
            cancellation.check()
        looked.append("twice")

    working(return_state=True)
    assert looked == ["once", "twice"]


def test_it_is_not_looked_all_the_time_nor_without_a_server(server: None):
    @flow
    def working() -> bool:
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
            Cancellation(seconds_between=0.0).check()
        rare = Cancellation()
        for _ in range(100_000):
            rare.check()
        return True

    assert working()
