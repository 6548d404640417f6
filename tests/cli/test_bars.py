"""Progress and warnings if standard error is no terminal."""

import logging

from aeflow.progress import Progress
from flows.cli.bars import bars


def lines_of(progresses: list[Progress], capsys) -> list[str]:
    with bars() as show:
        for progress in progresses:
            show(progress)
    return capsys.readouterr().err.splitlines()


def test_a_stage_has_its_first_and_its_last_line(capsys):
    steps = [Progress("train", done, 1000, "step") for done in range(1001)]
    first, last = lines_of(steps, capsys)
    assert first == "train: 0/1,000 steps"
    assert last.startswith("train: 1,000/1,000 steps  ")


def test_first_line_of_a_stage_does_not_wait(capsys):
    steps = [Progress("train", 0, 9, "step"), Progress("evaluate", 0, 9, "row")]
    assert lines_of(steps, capsys) == ["train: 0/9 steps", "evaluate: 0/9 rows"]


def test_line_has_message_and_metrics(capsys):
    steps = [Progress("train", 0, 9, "step", "epoch 1 of 3", {"loss": 0.123456})]
    assert lines_of(steps, capsys) == ["train: 0/9 steps  epoch 1 of 3  loss 0.1235"]


def test_warning_of_the_library_is_shown_once(capsys):
    with bars():
        logging.getLogger("aeflow.stages.training.train").warning("latent_dim %d is large", 99)
    assert capsys.readouterr().err == "aeflow: warning: latent_dim 99 is large\n"


def test_news_of_the_library_are_not_shown(capsys, caplog):
    with caplog.at_level(logging.INFO, "aeflow"), bars():
        logging.getLogger("aeflow.stages.training.train").info("committed")
    assert capsys.readouterr().err == ""
