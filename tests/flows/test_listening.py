"""Listeners to the progress of a stage, and the effect of a signal on it."""

import os
import signal
import threading

import pytest

from aeflow.errors import Interrupted
from aeflow.progress import Progress
from flows.server.listening import listening, stage_callback

HALF = Progress("train", 1, 2, "step")


def test_every_listener_hears_the_stage():
    first, second = [], []
    with listening(first.append), listening(second.append), stage_callback() as on_progress:
        on_progress(HALF)
    assert first == second == [HALF]


def test_listener_hears_nothing_after_its_block():
    said = []
    with listening(said.append):
        pass
    with stage_callback() as on_progress:
        on_progress(HALF)
    assert said == []


def test_ctrl_c_interrupts_the_stage_first_and_then_the_caller():
    def stage(on_progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            on_progress(HALF)
        except Interrupted:
            saved.append("checkpoint")
            raise

    saved = []
    with pytest.raises(KeyboardInterrupt), stage_callback() as on_progress:
        stage(on_progress)
    assert saved == ["checkpoint"]


def test_signal_that_comes_too_late_for_the_stage_is_not_lost():
    with pytest.raises(KeyboardInterrupt), stage_callback():
        os.kill(os.getpid(), signal.SIGINT)


def test_second_ctrl_c_waits_for_no_progress():
    reached = []
    with pytest.raises(KeyboardInterrupt), stage_callback():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("after the second")
    assert reached == ["after the first"]


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stage_callback():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_stage_in_another_thread_leaves_signals_alone():
    def stage() -> None:
        with stage_callback() as on_progress:
            on_progress(HALF)
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers = []
    thread = threading.Thread(target=stage)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
