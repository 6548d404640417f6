"""Tasks are retried when trying again can mend it, and only then."""

import pytest
from prefect import flow, task

from aeflow.errors import AeflowError, ConfigError, TransientError
from flows import tasks
from flows.tasks import RETRIED

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
def test_what_a_retry_can_mend_is_tried_four_times(server: None, error: Exception):
    assert attempts_until_given_up(error) == 4


@pytest.mark.parametrize("error", [ConfigError("wrong"), AeflowError("?"), OSError(28, "full")])
def test_everything_else_is_tried_once(server: None, error: Exception):
    assert attempts_until_given_up(error) == 1


@pytest.mark.parametrize("name", tasks.__all__)
def test_every_task_has_a_timeout_and_keeps_no_result(name: str):
    stage = getattr(tasks, name)
    assert stage.timeout_seconds >= 3600
    assert stage.persist_result is False
