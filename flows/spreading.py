"""Groups of shards, encoded as separate tasks on the workers of a running Dask scheduler."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prefect.tasks import Task

from aeflow.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from aeflow.stages.encoding.spreading import ShardGroup
    from aeflow.stages.work import Spread

__all__ = ["over_dask"]

CONNECT_SECONDS = 10
WORKER_SECONDS = 60
POLL_SECONDS = 0.5
NAMED = 3


def over_dask(task: Task[..., int], store: str, address: str) -> "Spread":
    """Returns a function that encodes groups of shards over the Dask scheduler at an address.

    If groups fail, the function first waits for all other groups, so that a second run encodes only
    the failed groups. Then the function raises TransientError, which names the first failed groups.
    """

    def spread(groups: "Sequence[ShardGroup]") -> Iterator[int]:
        with _connected_runner(address) as runner:
            futures = {
                runner.submit(task, parameters=_parameters(group, store)): group for group in groups
            }
            failures: dict[str, str] = {}
            try:
                yield from _rows_of_finished(futures, failures)
            finally:  # if the run is cancelled; a group that has ended ignores it
                for future in futures:
                    future.wrapped_future.cancel()
        if failures:
            name, reason = next(iter(failures.items()))
            raise TransientError(
                f"{len(failures)} of {len(groups)} groups of shards failed on {address}: "
                f"{', '.join(list(failures)[:NAMED])}. The other groups are encoded. Start this "
                f"run again to encode the failed groups. The reason for {name}: {reason}"
            )

    return spread


def _parameters(group: "ShardGroup", store: str) -> dict[str, Any]:
    """Returns a task's parameters as JSON, which the scheduler can pass on without TensorFlow."""
    return {"name": group.name, "group": group.model_dump(mode="json"), "store": store}


def _rows_of_finished(futures: "dict[Any, ShardGroup]", failures: dict[str, str]) -> Iterator[int]:
    """Yields the row count of each encoded group, and 0 at each poll.

    Adds the name of each failed group to `failures`, with the reason.
    """
    open_futures = dict(futures)
    while open_futures:
        yield 0
        for future in [future for future in open_futures if future.wrapped_future.done()]:
            group, dask_future = open_futures.pop(future), future.wrapped_future
            if dask_future.status != "finished":  # its worker died repeatedly
                failures[group.name] = " ".join(str(dask_future.exception()).split())
            elif not (state := dask_future.result()).is_completed():
                failures[group.name] = state.message or state.name
            else:
                yield state.result()
        time.sleep(POLL_SECONDS)


@contextmanager
def _connected_runner(address: str) -> Iterator[Any]:
    """Connects to a scheduler. Raises TransientError if it does not answer or has no workers."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "Encoding over Dask needs the extra 'dask'. Install it: pip install 'aeflow[dask]'."
        ) from error
    with DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_SECONDS}) as runner:
        try:
            runner.client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise TransientError(
                f"The Dask scheduler at {address} has no workers. Start some: dask worker {address}"
            ) from error
        except OSError as error:
            raise TransientError(
                f"No Dask scheduler answers at {address}. Start one with 'dask scheduler', or "
                "leave out --dask."
            ) from error
        yield runner
