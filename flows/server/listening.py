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

__all__ = ["heard", "heard_context", "listening"]

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
def heard() -> Iterator[OnProgress]:
    """Yields the progress callback of one stage, which calls all listeners and reacts to signals.

    After a first Ctrl-C or SIGTERM, the callback raises `Interrupted` at the stage's next progress,
    so that the stage saves its work. At the end of the block, the signal is raised again for its
    own handler. A second signal is raised at once.
    """
    listeners = _listeners.get()
    with _signals_held_back() as received:

        def tell(progress: Progress) -> None:
            for listener in listeners:
                listener(progress)
            if received:
                raise Interrupted(
                    f"A signal stopped {progress.stage} at {progress.done} of {progress.total} "
                    f"{progress.unit}s. Run it again to go on from there."
                )

        yield tell


@contextmanager
def heard_context(store: str, runtime: RuntimeConfig, **options: Any) -> Iterator[Context]:
    """Yields the context of one stage, with the callback for listeners and signals.

    `options` are additional fields of `Context`.
    """
    with heard() as on_progress:
        yield Context(Store(store), runtime, on_progress, **options)


@contextmanager
def _signals_held_back() -> Iterator[list[int]]:
    received: list[int] = []
    before = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            restore()
            signal.raise_signal(number)

    if (
        threading.current_thread() is threading.main_thread()
    ):  # other threads never receive a signal
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        before = {n: h for n, h in handlers.items() if h not in (None, signal.SIG_IGN)}
        for number in before:
            signal.signal(number, receive)
    try:
        yield received
    finally:
        restore()
        if received:
            signal.raise_signal(received[0])
