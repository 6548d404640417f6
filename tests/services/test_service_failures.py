"""What becomes of a run when a process of the service is killed, or told to stop."""

import re
import time
from uuid import UUID

import psutil
import pytest
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.states import Scheduled

from aeflow.storage import Store
from tests.services.running_service import SOME_EPOCHS, RunningService, until


def messages(service: RunningService, run: UUID) -> list[str]:
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    return [log.message for log in service.client.read_logs(log_filter=of_run)]


def worker_is_done_with(service: RunningService, run: UUID) -> bool:
    """Says whether the worker has let go of a run.

    After the runner has said Crashed the worker says it once more, seconds later: over whatever
    state the run was given in between.
    """
    of_run = {"id": [f"prefect.flow-run.{run}"]}
    asked = {"event": {"name": ["prefect.worker.executed-flow-run"]}, "related": of_run}
    answer = service.client.request("POST", "/events/filter", json={"filter": asked})
    return bool(answer.json()["events"])


def retry(service: RunningService, run: UUID) -> None:
    """Does what `prefect flow-run retry` does."""
    service.client.set_flow_run_state(run, Scheduled(message="Retried"), force=True)


def test_killed_run_is_crashed_in_seconds_and_a_retry_goes_on(service: RunningService):
    run, checkpoint = service.start_training("train-autoencoder/cpu", 3, epochs=SOME_EPOCHS)
    start = time.monotonic()
    service.process(run).kill()
    crashed = service.wait(run, "Crashed", seconds=30)
    assert time.monotonic() - start < 15
    assert crashed.state
    assert "-9" in str(crashed.state.message)
    assert checkpoint.exists()

    until(lambda: worker_is_done_with(service, run), 60)
    retry(service, run)
    service.wait(run, "Completed", seconds=180)
    (went_on,) = [m for m in messages(service, run) if m.startswith("train: goes on from step")]
    assert int(re.findall(r"\d+", went_on)[0]) > 0
    model = checkpoint.parent.parent.name.removesuffix(".partial")
    assert Store(service.store).verify(model) == []


@pytest.mark.parametrize("part", ["server", "postgres"])
def test_run_completes_though_what_it_speaks_to_is_killed(service: RunningService, part: str):
    seed = {"server": 4, "postgres": 5}[part]
    run, _checkpoint = service.start_training("train-autoencoder/cpu", seed, epochs=SOME_EPOCHS)
    before = service.pid(part)
    psutil.Process(before).kill()
    until(lambda: service.pid(part) not in (None, before), 60)
    until(lambda: service.state(run) != "away", 60)
    service.wait(run, "Completed", seconds=180)
    assert service.run(run).run_count == 1


def test_worker_that_is_told_to_stop_lets_its_run_keep_its_work(service: RunningService):
    run, checkpoint = service.start_training("train-autoencoder/cpu", 6, epochs=SOME_EPOCHS)
    worker = psutil.Process(service.pid("worker-cpu"))
    processes = [worker, *worker.children(recursive=True)]
    start = time.monotonic()
    worker.terminate()
    _gone, alive = psutil.wait_procs(processes, timeout=40)
    assert alive == []
    assert time.monotonic() - start < 15
    stopped = service.run(run).state
    assert stopped
    assert (stopped.name, stopped.message) == (
        "Crashed",
        "Execution was aborted by a termination signal.",
    )
    assert checkpoint.exists()

    retry(service, run)  # the supervisor has started another worker
    service.wait(run, "Completed", seconds=180)
