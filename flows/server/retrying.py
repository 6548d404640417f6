"""The options of all tasks, which are retried after temporary errors and persist no results."""

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


def _is_temporary(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Returns whether the error is temporary, so that a retry may succeed."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError | ConnectionError)


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _is_temporary,
    # Artifacts are references. Only the store knows whether an answer exists already.
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@contextmanager
def crashing_together() -> Iterator[None]:
    """Crashes the run if one of several machines that train together cannot continue.

    TensorFlow can join a cluster only once per process. A crashed run is restarted in a new
    process. The runs of the other machines crash with it and are restarted, too.
    """
    try:
        yield
    except TransientError as error:
        if cluster_here().is_alone:
            raise
        raise SystemExit(f"aeflow: {error}") from error
