"""Runs when a process of the service is killed, is away, or is stopped."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.schemas.automations import AutomationCore
from prefect.states import Scheduled

from aeflow.storage import Store
from tests.services.running_service import SEEDS, SOME_EPOCHS, RunningService, until

AT_WORK = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
STARTED_AGAIN_SECONDS = 40
"""Within this time the automation restarts a crashed run, if it restarts it at all."""


@pytest.fixture(autouse=True)
def nothing_is_left_running(service: RunningService) -> Iterator[None]:
    """Waits until every run has ended; an automation marks dead runs as Crashed."""
    yield
    until(lambda: at_work(service) == [], 180)


def at_work(service: RunningService) -> list[FlowRun]:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK))
    return service.client.read_flow_runs(flow_run_filter=FlowRunFilter(state=state))


def is_whole(service: RunningService, checkpoint: Path) -> bool:
    model = checkpoint.parent.parent.name.removesuffix(".partial")
    return Store(service.store).verify(model) == []


def retry(service: RunningService, run: UUID) -> None:
    """Retries a run, like `prefect flow-run retry`."""
    service.client.set_flow_run_state(run, Scheduled(message="Retried"), force=True)


def kill_with_its_worker(service: RunningService, run: UUID) -> None:
    worker = psutil.Process(service.pid("worker-cpu"))
    for process in [worker, *worker.children(recursive=True), service.process(run)]:
        with suppress(psutil.NoSuchProcess):  # it has exited with its parent
            process.kill()


@contextmanager
def waiting_time(service: RunningService, name: str, within: timedelta) -> Iterator[None]:
    """Changes the waiting time of an automation in the block: twenty minutes are too long here."""
    (automation,) = [one for one in service.client.read_automations() if one.name == name]
    before = AutomationCore.model_validate(automation.model_dump(exclude={"id", "owner_resource"}))
    trigger = before.trigger.model_copy(update={"within": within})
    service.client.update_automation(automation.id, before.model_copy(update={"trigger": trigger}))
    try:
        yield
    finally:
        service.client.update_automation(automation.id, before)


@contextmanager
def suspended_supervisor(service: RunningService) -> Iterator[None]:
    """Suspends the supervisor in the block, so that it restarts nothing."""
    supervisor = psutil.Process(json.loads((service.home / "service.lock").read_text())["pid"])
    supervisor.suspend()
    try:
        yield
    finally:
        supervisor.resume()


def test_killed_run_crashes_in_seconds_and_starts_again_by_itself_once(service: RunningService):
    run, checkpoint = service.start_training("train-autoencoder/cpu", epochs=SOME_EPOCHS)
    start = time.monotonic()
    service.process(run).kill()
    crashed = service.wait(run, "Crashed", seconds=30)
    assert time.monotonic() - start < 15
    assert crashed.state
    assert "-9" in str(crashed.state.message)
    assert checkpoint.exists()

    until(lambda: service.resumed_steps(run), 120)
    service.process(run).kill()
    service.wait(run, "Crashed", seconds=30)
    time.sleep(STARTED_AGAIN_SECONDS)
    assert (service.state(run), service.run(run).run_count) == ("Crashed", 2)

    retry(service, run)
    service.wait(run, "Completed", seconds=180)
    first, second = service.resumed_steps(run)
    assert 0 < first <= second
    assert is_whole(service, checkpoint)


def test_run_whose_worker_was_killed_with_it_is_found_and_starts_again(service: RunningService):
    run, checkpoint = service.start_training("train-autoencoder/cpu", epochs=SOME_EPOCHS)
    start = time.monotonic()
    kill_with_its_worker(service, run)
    crashed = service.wait(run, "Crashed", seconds=150)
    assert time.monotonic() - start < 120
    assert crashed.state
    assert str(crashed.state.message).startswith("The heartbeat of this run stopped")

    service.wait(run, "Completed", seconds=240)
    assert service.run(run).run_count == 2
    assert len(service.resumed_steps(run)) == 1
    assert is_whole(service, checkpoint)


def test_run_that_was_killed_before_it_began_is_found(service: RunningService):
    with waiting_time(service, "aeflow: a run that never began crashed", timedelta(seconds=30)):
        run = service.start("train-autoencoder/cpu", {"train": {"seed": next(SEEDS)}})
        until(lambda: service.processes(run), 60)
        kill_with_its_worker(service, run)
        state = service.run(run).state
        assert state
        assert state.type == StateType.PENDING
        crashed = service.wait(run, "Crashed", seconds=90)
    assert crashed.state
    assert str(crashed.state.message).startswith("A worker took this run, but it never began")
    time.sleep(STARTED_AGAIN_SECONDS)
    assert (service.state(run), service.run(run).run_count) == ("Crashed", 0)

    retry(service, run)
    service.wait(run, "Completed", seconds=180)


@pytest.mark.parametrize(("part", "seconds"), [("server", 60), ("postgres", 30)])
def test_run_completes_though_what_it_speaks_to_is_away(
    service: RunningService, part: str, seconds: float
):
    run, checkpoint = service.start_training("train-autoencoder/cpu", epochs=2 * SOME_EPOCHS)
    before = service.pid(part)
    with suspended_supervisor(service):
        psutil.Process(before).kill()
        time.sleep(seconds)
    until(lambda: service.pid(part) not in (None, before), 60)
    until(lambda: service.state(run) != "away", 60)
    service.wait(run, "Completed", seconds=300)
    # Its last heartbeat may be half a minute older than the outage. Then it is taken for dead and
    # started once more, and waits for the result of the first. infra/README.md describes this.
    assert service.run(run).run_count <= 2
    assert is_whole(service, checkpoint)


def test_worker_that_is_told_to_stop_lets_its_run_keep_its_work(service: RunningService):
    run, checkpoint = service.start_training("train-autoencoder/cpu", epochs=SOME_EPOCHS)
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

    # The supervisor has started another worker, and the server has rescheduled the run.
    service.wait(run, "Completed", seconds=240)
    assert len(service.resumed_steps(run)) == 1
