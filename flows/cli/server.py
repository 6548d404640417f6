"""The Prefect server of a command: the one of the active profile, or else an embedded one."""

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
    proxy_error,
    server_error,
    without_credentials,
)

__all__ = ["answering_server"]


@contextmanager
def answering_server(on_progress: OnProgress) -> Iterator[None]:
    """Checks that the Prefect server answers. Raises AeflowError if it does not.

    The same error is raised if the server stops answering within the block.
    """
    url = PREFECT_API_URL.value()
    check_profile()
    if url:
        check_url(url)
    else:
        check_own_server()
    address = without_credentials(url) if url else "starts an embedded server"
    on_progress(Progress("prefect", 0, 1, "server", address))
    try:
        with _no_interrupts(), get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # the client could not be created
        raise proxy_error(error) from error
    except (httpx.HTTPError, RuntimeError) as error:
        raise server_error(url, error) from error
    on_progress(Progress("prefect", 1, 1, "server", "answers"))
    try:
        yield
    except httpx.HTTPError as error:
        raise server_error(url, error) from error


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Blocks SIGINT, so that an embedded server that is started within the block ignores it.

    Otherwise Ctrl-C would stop the server before the final state of the run is reported to it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
