"""Listeners to the progress of a stage, and the effect of a signal on it."""

import os
import signal
import threading

import pytest

from aeflow.errors import Interrupted
from aeflow.progress import Progress
from flows.server.listening import heard, listening

HALF = Progress("train", 1, 2, "step")


def test_every_listener_hears_the_stage():
    first, second = [], []
    with listening(first.append), listening(second.append), heard() as tell:
        tell(HALF)
    assert first == second == [HALF]


def test_listener_hears_nothing_after_its_block():
    said = []
    with listening(said.append):
        pass
    with heard() as tell:
        tell(HALF)
    assert said == []


def test_ctrl_c_interrupts_the_stage_first_and_then_the_caller():
    def stage(tell) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            tell(HALF)
        except Interrupted:
            saved.append("checkpoint")
            raise

    saved = []
    with pytest.raises(KeyboardInterrupt), heard() as tell:
        stage(tell)
    assert saved == ["checkpoint"]


def test_signal_that_comes_too_late_for_the_stage_is_not_lost():
    with pytest.raises(KeyboardInterrupt), heard():
        os.kill(os.getpid(), signal.SIGINT)


def test_second_ctrl_c_waits_for_no_progress():
    reached = []
    with pytest.raises(KeyboardInterrupt), heard():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("after the second")
    assert reached == ["after the first"]


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with heard():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_stage_in_another_thread_leaves_signals_alone():
    def stage() -> None:
        with heard() as tell:
            tell(HALF)
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers = []
    thread = threading.Thread(target=stage)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
