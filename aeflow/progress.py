"""The callback by which a stage reports its progress, and by which a caller can stop the stage."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aeflow.errors import Interrupted

__all__ = ["OnProgress", "Progress", "is_logged", "silent", "with_deadline"]

MOST_LINES = 1000


@dataclass(frozen=True)
class Progress:
    """Reports how far a stage is: `done` of `total` units, such as steps.

    `metrics` are the values that the stage measured last. In training, `epoch` is the epoch in
    which they were measured, counted from 1, or 0 before the first epoch has ended.
    """

    stage: str
    done: int
    total: int
    unit: str
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    epoch: int = 0


OnProgress = Callable[[Progress], None]
"""Called on the stage's own thread at least once a second. If it raises, the stage stops."""


def is_logged(number: int, total: int) -> bool:
    """Returns whether an epoch or shard is logged; `number` counts from 1 to `total`.

    If `total` is at most 1,000, all are logged. Otherwise every n-th and the last are logged, with
    the smallest n for which the log has at most 1,000 lines.
    """
    return number % -(-total // MOST_LINES) == 0 or number == total


def silent(progress: Progress) -> None:
    """Ignores progress."""


def with_deadline(on_progress: OnProgress, seconds: float | None) -> OnProgress:
    """Returns a callback that calls `on_progress`, and then raises `Interrupted` if time is up.

    Time is up `seconds` after this function was called. If `seconds` is None, there is no limit.
    """
    if seconds is None:
        return on_progress
    end = time.monotonic() + seconds

    def report_or_stop(progress: Progress) -> None:
        on_progress(progress)
        if time.monotonic() > end:
            raise Interrupted(
                f"The deadline of {seconds:g} s passed during {progress.stage}, at {progress.done} "
                f"of {progress.total} {progress.unit}s. Run it again to go on from there."
            )

    return report_or_stop
