"""Tasks are retried after temporary errors, and only then."""

import pytest
from prefect import flow, task
from prefect.tasks import Task

from aeflow.errors import AeflowError, ConfigError, TransientError
from flows import tasks
from flows.one_class import score_class
from flows.server.retrying import RETRIED
from flows.tune import make_trial

WITHOUT_DELAY = {**RETRIED, "retry_delay_seconds": 0, "retry_jitter_factor": None}


def attempts_until_given_up(error: Exception) -> int:
    attempts = []

    @task(**WITHOUT_DELAY)
    def fail() -> None:
        attempts.append(1)
        raise error

    @flow
    def failing() -> None:
        fail()

    with pytest.raises(type(error)):
        failing()
    return len(attempts)


@pytest.mark.parametrize("error", [TransientError("busy"), ConnectionResetError("gone")])
def test_task_with_a_temporary_error_is_tried_four_times(server: None, error: Exception):
    assert attempts_until_given_up(error) == 4


@pytest.mark.parametrize("error", [ConfigError("wrong"), AeflowError("?"), OSError(28, "full")])
def test_task_with_any_other_error_is_tried_once(server: None, error: Exception):
    assert attempts_until_given_up(error) == 1


@pytest.mark.parametrize(
    "stage", [*(getattr(tasks, name) for name in tasks.__all__), make_trial, score_class]
)
def test_every_task_has_a_timeout_and_keeps_no_result(stage: Task[..., object]):
    assert stage.timeout_seconds >= 3600
    assert stage.persist_result is False
