"""The Prefect server of a command: the active profile's, or else one embedded in this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from aeflow.errors import TransientError
from aeflow.progress import OnProgress, Progress

__all__ = ["answering_server"]


@contextmanager
def answering_server(on_progress: OnProgress) -> Iterator[None]:
    """Sees to it that a server answers; where it stops to, the block fails in one line."""
    url = PREFECT_API_URL.value()
    try:
        where = url or "starts a server of its own"
        on_progress(Progress("prefect", 0, 1, "server", where))
        with _no_interrupts(), get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
        on_progress(Progress("prefect", 1, 1, "server", "answers"))
    except (httpx.HTTPError, RuntimeError) as error:
        raise _away(url, error) from error
    try:
        yield
    except httpx.HTTPError as error:
        raise _away(url, error) from error


def _away(url: str | None, error: Exception) -> TransientError:
    where = f"at {url}" if url else "in this process"
    return TransientError(
        f"The Prefect server {where} does not answer ({error}). "
        "Start it, use another profile, or add --direct to do without."
    )


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Bears the embedded server deaf to Ctrl-C, so that it lives to hear how the run ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
