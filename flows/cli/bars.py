"""Progress and warnings on standard error: bars on a terminal, plain lines elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from aeflow.progress import OnProgress, Progress
from flows import settings
from flows.server.listening import listening

__all__ = ["bars", "stage_bars"]

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def bars() -> Iterator[OnProgress]:
    """Yields a callback that shows progress. Within the block, aeflow's warnings are shown, too."""
    console = Console(stderr=True, highlight=False)
    with _warnings_on(console):
        if not console.is_terminal:
            yield _Lines(console).show
            return
        columns = (
            TextColumn("{task.description:<8}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
        )
        with Bars(*columns, console=console, refresh_per_second=5) as display:
            yield _Bars(display).show


@contextmanager
def stage_bars() -> Iterator[OnProgress]:
    """Shows the progress of stages within the block, and hides the log lines of their libraries.

    Yields the callback that shows progress.
    """
    with settings.quiet_terminal(), bars() as show, listening(show):
        yield show


@dataclass
class _Pace:
    """Measures the speed of a stage. The work that an earlier run did is not counted."""

    first: int
    start: float = field(default_factory=time.monotonic)

    def description(self, progress: Progress) -> str:
        seconds = time.monotonic() - self.start
        rate = (progress.done - self.first) / seconds if seconds > 0 else 0.0
        remaining = progress.total - progress.done
        is_counted = progress.total > 1
        parts = [f"{progress.done:,}/{progress.total:,} {progress.unit}s"] if is_counted else []
        if rate > 0 and is_counted:
            parts.append(f"{rate:,.3g}/s" if rate < 1000 else f"{rate:,.0f}/s")
            parts.append(
                f"{_clock(remaining / rate)} left" if remaining else f"in {_clock(seconds)}"
            )
        parts += [progress.message] if progress.message else []
        parts += [f"{name} {value:.4g}" for name, value in progress.metrics.items()]
        return "  ".join(parts)


class _Bars:
    """Shows one bar for each stage."""

    def __init__(self, display: Bars):
        self._display = display
        self._tasks: dict[str, tuple[TaskID, _Pace]] = {}

    def show(self, progress: Progress) -> None:
        if progress.stage not in self._tasks:
            task = self._display.add_task(progress.stage, text="")
            self._tasks[progress.stage] = (task, _Pace(progress.done))
        task, pace = self._tasks[progress.stage]
        self._display.update(
            task,
            completed=progress.done,
            total=progress.total,
            text=pace.description(progress).replace("[", r"\["),
        )


class _Lines:
    """Prints the first and the last progress of a stage, and a line every few seconds between."""

    def __init__(self, console: Console):
        self._console = console
        self._paces: dict[str, _Pace] = {}
        self._next = 0.0

    def show(self, progress: Progress) -> None:
        is_new = progress.stage not in self._paces
        pace = self._paces.setdefault(progress.stage, _Pace(progress.done))
        is_between = not is_new and progress.done < progress.total
        if is_between and time.monotonic() < self._next:
            return
        line = f"{progress.stage}: {pace.description(progress)}"
        self._console.print(line, markup=False, soft_wrap=True)
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES


class _Warnings(logging.Handler):
    """Shows warnings above the bars."""

    def __init__(self, console: Console):
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        line = f"aeflow: {record.levelname.lower()}: {record.getMessage()}"
        self._console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _warnings_on(console: Console) -> Iterator[None]:
    logger, handler = logging.getLogger("aeflow"), _Warnings(console)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
