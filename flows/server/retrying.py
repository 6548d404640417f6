"""What every task shares: it is tried again when that can mend it, and keeps no result."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from aeflow.compute.cluster import cluster_here
from aeflow.errors import TransientError

__all__ = ["HOUR", "RETRIED", "crashing_together"]

HOUR = 3600


def _can_be_mended(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Says whether trying again can mend what went wrong."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError | ConnectionError)


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _can_be_mended,
    # Artifacts are references; whether an answer is there already, only the store knows.
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@contextmanager
def crashing_together() -> Iterator[None]:
    """Lets a run crash where one of several machines that train together cannot go on.

    TensorFlow joins others once in a process. A crashed run is started again in a new one, and so
    are those of the other machines, which crash with it.
    """
    try:
        yield
    except TransientError as error:
        if cluster_here().is_alone:
            raise
        raise SystemExit(f"aeflow: {error}") from error
