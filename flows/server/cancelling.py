"""A run's own check for its cancellation, in case Prefect's runner has stopped checking."""

import logging
import time

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from aeflow.errors import Interrupted

__all__ = ["SERVER_TROUBLE", "Cancellation"]

SERVER_TROUBLE = (httpx.HTTPError, PrefectException, OSError, RuntimeError)
"""The errors of Prefect's client if no server answers. RuntimeError is 'Failed to reach API'."""

SECONDS_BETWEEN = 15.0
SECONDS_TO_ANSWER = 5.0
"""Timeout of a check. The work of the run pauses while a check waits for the server."""

logger = logging.getLogger(__name__)


class Cancellation:
    """Checks from time to time whether this run is being cancelled.

    Prefect's runner checks this every 10 s and ends a cancelled run. But it stops checking if the
    server was away for half a minute. Without a check of its own, the run would then continue.
    """

    def __init__(self, *, seconds_between: float = SECONDS_BETWEEN):
        self._seconds_between = seconds_between
        self._next = time.monotonic() + seconds_between
        self._was_cancelled = False

    def check(self) -> None:
        """Raises Interrupted if two checks in a row find that the run is cancelled."""
        if time.monotonic() < self._next:
            return
        cancelled = _is_cancelled()
        self._next = time.monotonic() + self._seconds_between
        if cancelled is None:  # the result of the previous check stays valid
            return
        if cancelled and self._was_cancelled:
            raise Interrupted("This run was cancelled. Run it again to go on from here.")
        self._was_cancelled = cancelled


def _is_cancelled() -> bool | None:
    """Returns whether this run is cancelled, or None if the server does not answer."""
    if flow_run.id is None:
        return False
    # Without settings of its own, `get_client` returns the run's client, which waits longer.
    client_settings = {"timeout": SECONDS_TO_ANSWER}
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),  # the next check comes soon
            get_client(client_settings, sync_client=True) as client,
        ):
            state = client.read_flow_run(flow_run.id).state
    except SERVER_TROUBLE as error:
        logger.info("cannot check whether this run was cancelled: %s", error)
        return None
    return state is not None and (state.is_cancelling() or state.is_cancelled())
