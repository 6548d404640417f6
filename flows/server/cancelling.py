"""How a run notices itself that it was cancelled, where nobody else does any more."""

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
"""What Prefect's client raises when its server is away; RuntimeError is 'Failed to reach API'."""

SECONDS_BETWEEN = 15.0
SECONDS_TO_ANSWER = 5.0
"""How long a look waits for the server: the work waits with it."""

logger = logging.getLogger(__name__)


class Cancellation:
    """Looks now and then whether this run is being cancelled.

    Prefect's runner looks every 10 s and ends the run. But it stops looking where the server was
    away for half a minute, and then the run would work on, cancelled, until it is done.
    """

    def __init__(self, *, seconds_between: float = SECONDS_BETWEEN):
        self._seconds_between = seconds_between
        self._next = time.monotonic() + seconds_between
        self._seen = False

    def check(self) -> None:
        """Raises Interrupted where the run was being cancelled the last time already."""
        if time.monotonic() < self._next:
            return
        cancelled = _is_cancelled()
        self._next = time.monotonic() + self._seconds_between
        if cancelled is None:  # a server that is away has taken nothing back
            return
        if cancelled and self._seen:
            raise Interrupted("This run was cancelled. Run it again to go on from here.")
        self._seen = cancelled


def _is_cancelled() -> bool | None:
    """None where the server does not say."""
    if flow_run.id is None:
        return False
    own = {"timeout": SECONDS_TO_ANSWER}  # without a setting it is the run's client, which waits
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),  # it is asked again soon
            get_client(own, sync_client=True) as client,
        ):
            state = client.read_flow_run(flow_run.id).state
    except SERVER_TROUBLE as error:
        logger.info("the server was not asked whether this run is cancelled: %s", error)
        return None
    return state is not None and (state.is_cancelling() or state.is_cancelled())
