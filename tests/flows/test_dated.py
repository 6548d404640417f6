"""A dated source in a flow: its date is the one that the run was scheduled for, in its zone."""

from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.context import SyncClientContext
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Scheduled

from aeflow.configs import IngestConfig, PipelineConfig
from flows.server.scheduling import scheduled_date
from flows.single_stages import ingest_dataset

Schedules = dict[str, tuple[str, str | None]]
"""The cron line and the time zone of each schedule, by its slug."""
BERLIN: Schedules = {"nightly": ("30 0 * * *", "Europe/Berlin")}


@flow
def dating() -> date:
    return scheduled_date()


@flow
def dating_within() -> date:
    return dating()


def deploy(client: SyncPrefectClient, schedules: Schedules, of: Callable = dating) -> UUID:
    """Returns a deployment with these schedules. A second call replaces them, as a deploy does."""
    return client.create_deployment(
        client.create_flow(of),
        name="nightly",
        schedules=[
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=cron, timezone=zone), slug=slug, active=True
            )
            for slug, (cron, zone) in schedules.items()
        ],
    )


def scheduled(client: SyncPrefectClient, deployment: UUID, start: datetime) -> list[FlowRun]:
    """Lets the server create the runs that are due at `start`, and returns them."""
    earlier_ids = {run.id for run in runs_of(client, deployment)}
    span = {"start_time": start.isoformat(), "end_time": start.isoformat()}
    client.request("POST", f"/deployments/{deployment}/schedule", json=span)
    return [run for run in runs_of(client, deployment) if run.id not in earlier_ids]


def runs_of(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    ours = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    return client.read_flow_runs(deployment_filter=ours)


def the_run(client: SyncPrefectClient, schedules: Schedules, start: datetime) -> FlowRun:
    (run,) = scheduled(client, deploy(client, schedules), start)
    return run


@pytest.mark.parametrize(
    ("cron", "zone", "scheduled_for", "day"),
    [
        ("30 0 * * *", "Asia/Tokyo", "2026-11-04T15:30", "2026-11-05"),
        ("30 21 * * *", "America/New_York", "2026-11-06T02:30", "2026-11-05"),
        ("30 0 * * *", "Europe/Berlin", "2026-10-24T22:30", "2026-10-25"),  # the last in summer
        ("30 0 * * *", "Europe/Berlin", "2026-10-25T23:30", "2026-10-26"),
        ("30 0 * * *", "Europe/Berlin", "2026-03-28T23:30", "2026-03-29"),  # the last in winter
        ("30 0 * * *", "Europe/Berlin", "2026-03-29T22:30", "2026-03-30"),
        ("30 23 * * *", None, "2026-11-05T23:30", "2026-11-05"),
    ],
)
def test_date_is_that_of_the_schedules_time_zone(
    client: SyncPrefectClient, cron: str, zone: str | None, scheduled_for: str, day: str
):
    start = datetime.fromisoformat(scheduled_for).replace(tzinfo=UTC)
    run = the_run(client, {"nightly": (cron, zone)}, start)
    assert run.expected_start_time == start
    assert run_flow(dating, flow_run=run) == date.fromisoformat(day)


def test_each_run_follows_the_schedule_that_created_it(client: SyncPrefectClient):
    schedules: Schedules = {
        "tokyo": ("30 0 * * *", "Asia/Tokyo"),
        "new-york": ("30 10 * * *", "America/New_York"),  # at the same moment
    }
    runs = scheduled(client, deploy(client, schedules), datetime(2026, 11, 4, 15, 30, tzinfo=UTC))
    days = {run.created_by.display_value: run_flow(dating, flow_run=run) for run in runs}
    assert days == {"tokyo": date(2026, 11, 5), "new-york": date(2026, 11, 4)}


def test_late_run_knows_its_schedule_after_the_next_deploy(client: SyncPrefectClient):
    run = the_run(client, BERLIN, datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    deploy(client, {"noon": ("0 12 * * *", "Asia/Tokyo"), **BERLIN})
    assert run_flow(dating, flow_run=run) == date(2026, 10, 25)


def test_run_within_a_run_has_the_date_of_that_run(client: SyncPrefectClient):
    deployment = deploy(client, BERLIN, dating_within)
    (run,) = scheduled(client, deployment, datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    assert run_flow(dating_within, flow_run=run) == date(2026, 10, 25)


def test_date_is_in_utc_if_the_schedule_is_gone(client: SyncPrefectClient, caplog):
    run = the_run(client, BERLIN, datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    deploy(client, {"one": ("0 1 * * *", "Asia/Tokyo"), "two": ("0 2 * * *", None)})
    assert run_flow(dating, flow_run=run) == date(2026, 10, 24)
    assert "{date} is 2026-10-24, in UTC" in caplog.text


def test_date_is_in_utc_if_the_server_is_away(client: SyncPrefectClient, caplog):
    run = the_run(client, BERLIN, datetime(2026, 10, 24, 22, 30, tzinfo=UTC))

    @flow
    def dating_alone() -> date:
        """Asks without the client of the run, which still has its connection."""
        nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}

        def ask() -> date:
            SyncClientContext.__var__.set(None)
            with temporary_settings(nowhere):
                return scheduled_date()

        return copy_context().run(ask)

    assert run_flow(dating_alone, flow_run=run) == date(2026, 10, 24)
    assert "{date} is 2026-10-24, in UTC" in caplog.text


def test_file_of_a_run_in_berlin_is_not_that_of_the_day_before(client: SyncPrefectClient, tmp_path):
    parameters = dated_source(tmp_path, "2026-10-25")
    run = the_run(client, BERLIN, datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    outcome = run_flow(ingest_dataset, flow_run=run, parameters=parameters)
    assert outcome["dataset"]["name"] == "2026-10-25"


def test_date_of_a_run_without_a_schedule_is_in_utc(client: SyncPrefectClient, tmp_path):
    parameters = dated_source(tmp_path, "2026-11-05")
    late = Scheduled(scheduled_time=datetime(2026, 11, 5, 23, 30, tzinfo=UTC))
    run = client.create_flow_run(ingest_dataset, parameters=parameters, state=late)
    outcome = run_flow(ingest_dataset, flow_run=run, parameters=parameters)
    assert outcome["dataset"]["name"] == "2026-11-05"


def dated_source(folder, day: str) -> dict:
    """Writes the file of one day, and returns the parameters of a flow that reads a dated one."""
    x_train = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    np.savez(folder / f"{day}.npz", x_train=x_train)
    config = PipelineConfig(ingest=IngestConfig(source=f"npz:{folder}/{{date}}.npz"))
    return {"config": config, "store": str(folder / "store")}
