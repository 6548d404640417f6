"""Measurements of a running service: database, memory, and the delay of scheduled runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule

from tests.services.running_service import PLANTED, RunningService, until

__all__ = ["database_mib", "delay", "scheduled_runs", "server_mib"]

POSTGRES_PASSWORD = "AEFLOW_POSTGRES_PASSWORD"
SCHEDULED_RUNS = 3
MIB = 2**20


def database_mib(service: RunningService) -> float:
    """Returns the size of the server's database in MiB."""
    query, password = "SELECT pg_database_size(current_database())", PLANTED[POSTGRES_PASSWORD]
    return service.ask_database(query, password) / MIB


def server_mib(service: RunningService) -> float:
    """Returns the resident memory of the server's processes in MiB."""
    server = psutil.Process(service.pid("server"))
    processes = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / MIB


def scheduled_runs(service: RunningService) -> list[FlowRun]:
    """Schedules a run every minute; returns the runs when SCHEDULED_RUNS of them completed."""
    with _every_minute(service) as deployment:

        def completed() -> list[FlowRun]:
            completed_runs = [
                r for r in service.runs_of(deployment) if r.state_type == StateType.COMPLETED
            ]
            return completed_runs if len(completed_runs) >= SCHEDULED_RUNS else []

        return until(completed, 60 * (SCHEDULED_RUNS + 3))


def delay(service: RunningService, run: FlowRun, state: str) -> float:
    """Returns the seconds between a run's scheduled start and its first entry into a state."""
    assert run.expected_start_time
    return (service.came_to(run.id, state) - run.expected_start_time).total_seconds()


@contextmanager
def _every_minute(service: RunningService) -> Iterator:
    client = service.client
    deployment = client.create_deployment(
        client.create_flow_from_name("ingest-dataset"),
        name="every-minute",
        entrypoint="flows.single_stages.ingest_dataset",
        work_pool_name="cpu",
        work_queue_name="batch",
        parameters={"config": {}, "store": str(service.store)},
        schedules=[
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron="* * * * *", timezone="UTC"), active=True
            )
        ],
    )
    try:
        yield deployment
    finally:
        client.delete_deployment(deployment)
