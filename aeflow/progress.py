"""The callback by which a stage reports its progress and is stopped."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aeflow.errors import Interrupted

__all__ = ["OnProgress", "Progress", "is_logged", "silent", "with_deadline"]

MOST_LINES = 1000


@dataclass(frozen=True)
class Progress:
    """Reports how far a stage is: `done` of `total` `unit`s, and the metrics that it measured last.

    In training, `epoch` is the number of the measured epoch, counted from 1. It is 0
    before the first one.
    """

    stage: str
    done: int
    total: int
    unit: str
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    epoch: int = 0


OnProgress = Callable[[Progress], None]
"""Called on the stage's own thread at least once a second; an exception stops the stage."""


def is_logged(number: int, total: int) -> bool:
    """Returns whether the epoch or shard with this number, counted from 1, has a line in the log.

    If `total` is at most a thousand, each of them has a line. If it is larger, only every n-th and
    the last have one, with n such that the log has about a thousand lines.
    """
    return number % -(-total // MOST_LINES) == 0 or number == total


def silent(progress: Progress) -> None:
    """Ignores progress."""


def with_deadline(on_progress: OnProgress, seconds: float | None) -> OnProgress:
    """Returns a callback that also raises `Interrupted` once `seconds` have passed from now."""
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
