"""A run that checks itself whether it was cancelled."""

from collections.abc import Callable
from itertools import cycle, islice

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from aeflow.errors import Interrupted
from flows.server.cancelling import Cancellation

NO_SERVER = "http://127.0.0.1:9/api"
MOST_CHECKS = 10


def test_cancelled_run_is_interrupted_at_the_second_check(client: SyncPrefectClient, caplog):
    """At the first check, Prefect's runner may be about to end the run."""
    assert answered_checks(client, caplog, check) == 2


def test_unanswered_check_between_two_others_resets_nothing(client: SyncPrefectClient, caplog):
    assert answered_checks(client, caplog, check, check_without_server) == 2


def check(cancellation: Cancellation) -> None:
    cancellation.check()


def check_without_server(cancellation: Cancellation) -> None:
    with temporary_settings({PREFECT_API_URL: NO_SERVER}):
        cancellation.check()


def answered_checks(client: SyncPrefectClient, caplog, *in_turn: Callable) -> int:
    """Returns the number of answered checks. A slow server may leave any check unanswered."""
    checks = []

    @flow
    def working() -> None:
        cancellation = Cancellation(seconds_between=0.0)
        cancellation.check()
        cancellation.check()
        client.set_flow_run_state(flow_run.id, Cancelling())
        caplog.clear()
        with pytest.raises(Interrupted, match="was cancelled"):
            for one in islice(cycle(in_turn), MOST_CHECKS):
                checks.append(one)
                one(cancellation)

    with caplog.at_level("INFO", logger="flows.server.cancelling"):
        working(return_state=True)
    assert len(checks) < MOST_CHECKS
    return len(checks) - sum("cannot check" in message for message in caplog.messages)


def test_checks_are_rare_and_need_no_server(server: None):
    @flow
    def working() -> bool:
        with temporary_settings({PREFECT_API_URL: NO_SERVER}):
            Cancellation(seconds_between=0.0).check()
        rare = Cancellation()
        for _ in range(100_000):
            rare.check()
        return True

    assert working()
