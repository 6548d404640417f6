"""A stage as the Prefect UI shows it, which may fail and stop nothing; and its end if cancelled."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.logging.handlers import APILogHandler

from aeflow.progress import Progress
from flows.server.cancelling import SERVER_TROUBLE, Cancellation
from flows.server.listening import listening

__all__ = ["SERVER_TROUBLE", "ProgressPage", "shown"]

LOGGERS = ("aeflow", "flows")
SECONDS_BETWEEN = 1.0
SECONDS_AFTER_TROUBLE = 60.0

logger = logging.getLogger(__name__)


@contextmanager
def shown(stage: str) -> Iterator[None]:
    """Shows the stage that runs within the block: a progress page, and our log in the run's log.

    The stage is interrupted where its run is cancelled.
    """
    cancellation = Cancellation()
    with (
        _logged(),
        listening(lambda _progress: cancellation.check()),
        listening(ProgressPage(f"{stage}-progress").show),
    ):
        yield


@contextmanager
def _logged() -> Iterator[None]:
    """PREFECT_LOGGING_EXTRA_LOGGERS would do this too, but not for a stage's own threads, nor in a
    worker, which has imported Prefect before us."""
    run = TaskRunContext.get()

    def belongs_to_run(record: logging.LogRecord) -> bool:
        if run is not None:
            record.flow_run_id = run.task_run.flow_run_id
            record.task_run_id = run.task_run.id
        return run is not None

    handler = APILogHandler()
    handler.addFilter(belongs_to_run)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)


class ProgressPage:
    """Is one progress artifact, made at the first progress and updated about once a second."""

    def __init__(self, key: str):
        self.key = key
        self._id: UUID | None = None
        self._next = 0.0

    def show(self, progress: Progress) -> None:
        """Shows `progress`; the end always, what comes between only when it is due."""
        is_last = progress.done >= progress.total
        if not is_last and time.monotonic() < self._next:
            return
        try:
            self._send(100.0 * progress.done / max(progress.total, 1), _described(progress))
            self._next = time.monotonic() + SECONDS_BETWEEN
        except SERVER_TROUBLE as error:
            self._next = time.monotonic() + SECONDS_AFTER_TROUBLE
            logger.info("the progress page %s was not updated: %s", self.key, error)

    def _send(self, percent: float, description: str) -> None:
        if self._id is None:
            made = create_progress_artifact(percent, key=self.key, description=description)
            self._id = cast(UUID, made)  # stages are not async, so it is no coroutine
        else:
            update_progress_artifact(self._id, percent, description=description)


def _described(progress: Progress) -> str:
    """Says in one line how far a stage is and what it measured last."""
    measured = [f"{name} {value:.4g}" for name, value in progress.metrics.items()]
    where = f"{progress.stage}: {progress.done} of {progress.total} {progress.unit}s"
    return ", ".join(part for part in (where, progress.message, *measured) if part)
