"""Listeners to the progress of a stage, and signals that stop a stage without losing its work."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aeflow.configs import RuntimeConfig
from aeflow.errors import Interrupted
from aeflow.progress import OnProgress, Progress
from aeflow.stages import Context
from aeflow.storage import Store

__all__ = ["listening", "stage_callback", "stage_context"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_listeners: ContextVar[tuple[OnProgress, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: OnProgress) -> Iterator[None]:
    """Calls `listener` with the progress of every stage that runs within the block."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


@contextmanager
def stage_callback() -> Iterator[OnProgress]:
    """Yields the progress callback of one stage, which calls all listeners and reacts to signals.

    After a first Ctrl-C or SIGTERM, the callback raises `Interrupted` at the stage's next progress,
    so that the stage saves its work. At the end of the block, the signal is raised again for its
    own handler. A second signal is raised at once.
    """
    listeners = _listeners.get()
    with _delayed_signals() as received_signals:

        def on_progress(progress: Progress) -> None:
            for listener in listeners:
                listener(progress)
            if received_signals:
                raise Interrupted(
                    f"A signal stopped {progress.stage} at {progress.done} of {progress.total} "
                    f"{progress.unit}s. Run it again to go on from there."
                )

        yield on_progress


@contextmanager
def stage_context(store: str, runtime: RuntimeConfig, **options: Any) -> Iterator[Context]:
    """Yields the context of one stage, with the callback for listeners and signals.

    `options` are additional fields of `Context`.
    """
    with stage_callback() as on_progress:
        yield Context(Store(store), runtime, on_progress, **options)


@contextmanager
def _delayed_signals() -> Iterator[list[int]]:
    received_signals: list[int] = []
    previous_handlers = {}

    def restore() -> None:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)

    def receive(number: int, _frame: object) -> None:
        received_signals.append(number)
        if len(received_signals) > 1:
            restore()
            signal.raise_signal(number)

    if threading.current_thread() is threading.main_thread():  # no other thread receives signals
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        previous_handlers = {n: h for n, h in handlers.items() if h not in (None, signal.SIG_IGN)}
        for number in previous_handlers:
            signal.signal(number, receive)
    try:
        yield received_signals
    finally:
        restore()
        if received_signals:
            signal.raise_signal(received_signals[0])
