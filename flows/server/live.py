"""A stage's progress and log in the Prefect UI, and its interruption if its run is cancelled.

A server that does not answer never stops a stage.
"""

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

__all__ = ["SERVER_TROUBLE", "ProgressPage", "live_stage"]

LOGGERS = ("aeflow", "flows")
SECONDS_BETWEEN = 1.0
SECONDS_AFTER_TROUBLE = 60.0

logger = logging.getLogger(__name__)


@contextmanager
def live_stage(stage: str) -> Iterator[None]:
    """Shows the progress of a stage on a page, and the log of aeflow in the log of the run.

    The stage runs within the block. It is interrupted if its run is cancelled.
    """
    cancellation, page = Cancellation(), ProgressPage(f"{stage}-progress")
    with (
        _log_in_run(),
        listening(lambda _progress: cancellation.check()),
        listening(page.show),
    ):
        yield
    page.finish()


@contextmanager
def _log_in_run() -> Iterator[None]:
    """Sends the log records of aeflow to the log of the run.

    PREFECT_LOGGING_EXTRA_LOGGERS would also do this, but not for the threads of a stage, and not in
    a worker, which imports Prefect before our code.
    """
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
    """Represents one progress artifact, which is updated about once a second."""

    def __init__(self, key: str):
        self.key = key
        self._id: UUID | None = None
        self._next = 0.0
        self._latest: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Shows `progress` if an update is due. The last progress is always shown."""
        self._latest = progress
        is_last = progress.done >= progress.total
        if not is_last and time.monotonic() < self._next:
            return
        self._show(100.0 * progress.done / max(progress.total, 1), _description_of(progress))

    def finish(self) -> None:
        """Shows a stage that returned its answer as complete, if its last progress was not.

        This is so if the answer was in the store already, and the stage only looked for it.
        """
        if self._latest and self._latest.done < self._latest.total:
            self._show(100.0, f"{self._latest.stage}: the answer is in the store")

    def _show(self, percent: float, description: str) -> None:
        try:
            self._send(percent, description)
            self._next = time.monotonic() + SECONDS_BETWEEN
        except SERVER_TROUBLE as error:
            self._next = time.monotonic() + SECONDS_AFTER_TROUBLE
            logger.info("the progress page %s was not updated: %s", self.key, error)

    def _send(self, percent: float, description: str) -> None:
        if self._id is None:
            artifact_id = create_progress_artifact(percent, key=self.key, description=description)
            self._id = cast(UUID, artifact_id)  # no coroutine: stages are not async
        else:
            update_progress_artifact(self._id, percent, description=description)


def _description_of(progress: Progress) -> str:
    """Returns one line with the progress of a stage and its latest metrics."""
    metrics = [f"{name} {value:.4g}" for name, value in progress.metrics.items()]
    position = f"{progress.stage}: {progress.done} of {progress.total} {progress.unit}s"
    return ", ".join(part for part in (position, progress.message, *metrics) if part)
