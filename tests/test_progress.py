"""The progress callback: it reports where a stage is, and stops it."""

import time

import pytest

from aeflow.errors import Interrupted
from aeflow.progress import Progress, is_logged, silent, with_deadline

PROGRESS = Progress("train", 3, 10, "epoch", metrics={"loss": 0.5})


def test_silence_shows_nothing(capsys):
    silent(PROGRESS)
    assert capsys.readouterr() == ("", "")


def test_without_a_deadline_the_callback_is_what_it_was():
    assert with_deadline(silent, None) is silent


def test_before_the_deadline_progress_passes_on():
    reports = []
    with_deadline(reports.append, 60)(PROGRESS)
    assert reports == [PROGRESS]


def test_after_the_deadline_progress_is_shown_and_the_stage_stops():
    reports = []
    on_progress = with_deadline(reports.append, 0.01)
    time.sleep(0.02)
    with pytest.raises(Interrupted) as caught:
        on_progress(PROGRESS)
    assert reports == [PROGRESS]
    assert str(caught.value) == (
        "The deadline of 0.01 s passed during train, at 3 of 10 epochs. "
        "Run it again to go on from there."
    )


def test_what_the_callback_raises_passes_through_the_deadline():
    def cancel(progress):
        raise Interrupted("cancelled")

    with pytest.raises(Interrupted, match="cancelled"):
        with_deadline(cancel, 60)(PROGRESS)


@pytest.mark.parametrize(
    ("total", "lines", "last"), [(1, 1, 1), (1000, 1000, 1000), (2500, 834, 2500)]
)
def test_log_has_a_line_each_and_never_a_flood(total: int, lines: int, last: int):
    logged = [number for number in range(1, total + 1) if is_logged(number, total)]
    assert (len(logged), logged[-1]) == (lines, last)
