"""The Prefect server of a command: the active profile's, or else one embedded in this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from aeflow.progress import OnProgress, Progress
from flows.cli.unanswered import (
    check_own_server,
    check_profile,
    check_url,
    proxy_refused,
    shown,
    unanswered,
)

__all__ = ["answering_server"]


@contextmanager
def answering_server(on_progress: OnProgress) -> Iterator[None]:
    """Makes sure that a server answers; if it stops to, the block fails in one line."""
    url = PREFECT_API_URL.value()
    check_profile()
    if url:
        check_url(url)
    else:
        check_own_server()
    where = shown(url) if url else "starts a server of its own"
    on_progress(Progress("prefect", 0, 1, "server", where))
    try:
        with _no_interrupts(), get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # no client could be made
        raise proxy_refused(error) from error
    except (httpx.HTTPError, RuntimeError) as error:
        raise unanswered(url, error) from error
    on_progress(Progress("prefect", 1, 1, "server", "answers"))
    try:
        yield
    except httpx.HTTPError as error:
        raise unanswered(url, error) from error


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Bears the embedded server deaf to Ctrl-C, so that it lives to hear how the run ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
