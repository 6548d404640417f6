"""The service as `make up` starts it: runs on its workers, its schedules, and its access."""

import base64
import json
import re
import time
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import psutil
import pytest
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule

from infra.processes import marked
from tests.services.running_service import (
    NOTIFY_TOKEN,
    PLANTED,
    QUICK,
    RunningService,
    service_command,
    until,
)

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module", autouse=True)
def every_minute(service: RunningService):
    """A deployment with a schedule, created before the other tests so that its minute passes."""
    flow = service.client.create_flow_from_name("ingest-dataset")
    schedule = CronSchedule(cron="* * * * *", timezone="Europe/Berlin")
    deployment = service.client.create_deployment(
        flow,
        name="every-minute",
        entrypoint="flows.single_stages.ingest_dataset",
        work_pool_name="cpu",
        work_queue_name="batch",
        parameters={"config": {}, "store": str(service.store)},
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
    )
    yield deployment
    service.client.delete_deployment(deployment)


def test_without_credentials_only_health_is_answered(service: RunningService):
    """This also holds for a client with a CSRF token, which the server checks first."""
    name = uuid4().hex
    token = service.client.request("GET", "/csrf-token", params={"client": name}).json()["token"]
    headers = {"Prefect-Csrf-Client": name, "Prefect-Csrf-Token": token}
    paths = service.client.request("GET", "/openapi.json").json()["paths"]
    with httpx.Client(base_url=f"{service.url}/api", headers=headers) as client:
        answers = {
            f"{method} {path}": client.request(
                method, re.sub("{[^}]+}", str(uuid4()), path)
            ).status_code
            for path, methods in paths.items()
            for method in methods.keys() & METHODS
        }
    assert len(answers) > 150
    open_endpoints = {endpoint for endpoint, status in answers.items() if status != 401}
    assert open_endpoints == {"get /health", "get /ready"}


def test_change_without_a_csrf_token_is_refused(service: RunningService):
    user, _, password = service.auth.partition(":")
    answer = httpx.post(f"{service.url}/api/flows/filter", json={}, auth=(user, password))
    assert answer.status_code == 403
    assert "CSRF" in answer.text


def test_on_demand_pipeline_completes_on_a_worker(service: RunningService):
    before = set(service.store.glob("features/*"))
    run = service.start("pipeline/on-demand", QUICK)
    service.wait(run, "Completed")
    assert service.run(run).work_pool_name == "control"
    (features,) = set(service.store.glob("features/*")) - before
    assert list(features.glob("**/*.parquet"))


def test_training_on_another_pool_is_a_linked_subflow(service: RunningService):
    config = {**QUICK, "train": {"epochs": 21}}
    run = service.start("pipeline/on-demand", config, train_on="train-autoencoder/cpu")
    service.wait(run, "Completed")
    (child,) = service.children(run)
    assert (child.work_pool_name, child.work_queue_name) == ("cpu", "training")
    assert child.state.name == "Completed"


def test_schedule_fires_on_its_own_and_completes(service: RunningService, every_minute):
    def completed():
        return [
            run
            for run in service.runs_of(every_minute)
            if run.auto_scheduled and run.state.name == "Completed"
        ]

    run = until(completed, 150)[0]
    assert run.expected_start_time.second == 0
    assert (datetime.now(UTC) - run.start_time).total_seconds() < 300


def test_run_that_overlaps_is_cancelled_and_the_first_stops_when_asked(service: RunningService):
    flow = service.client.create_flow_from_name("train-autoencoder")
    service.client.create_deployment(
        flow,
        name="one-at-a-time",
        entrypoint="flows.train_autoencoder.train_autoencoder",
        work_pool_name="cpu",
        work_queue_name="training",
        parameters={"store": str(service.store)},
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(
            collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
    )
    first, checkpoint = service.start_training("train-autoencoder/one-at-a-time")
    second = service.start("train-autoencoder/one-at-a-time", QUICK)
    service.wait(second, "Cancelled", seconds=60)
    assert service.state(first) == "Running"

    start = time.monotonic()
    service.cancel(first)
    service.wait(first, "Cancelled", seconds=60)
    assert time.monotonic() - start < 25  # the runner polls every 10 s, then the run has 15 s
    assert checkpoint.exists()


def test_cancelling_a_pipeline_cancels_the_training_it_waits_for(service: RunningService):
    run, checkpoint = service.start_training("pipeline/on-demand", train_on="train-autoencoder/cpu")
    (child,) = service.children(run)
    start = time.monotonic()
    service.cancel(run)
    service.wait(run, "Cancelled", seconds=60)
    service.wait(child.id, "Cancelled", seconds=60)
    assert time.monotonic() - start < 60
    assert checkpoint.exists()


def test_everything_listens_on_this_machine_only(service: RunningService):
    pids = {process.pid for process in marked(service.home)} | {service.pid("postgres")}
    listening = {
        connection.laddr
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.pid in pids
    }
    ports = [name for name in service.environment if name.endswith("_PORT")]
    assert "AEFLOW_REPORT_PORT" in ports
    assert {int(service.environment[port]) for port in ports} <= {a.port for a in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_secrets_are_in_their_file_and_nowhere_else(service: RunningService):
    """One of the last tests of this file, so that logs and files exist that could contain them."""
    header = base64.b64encode(service.auth.encode()).decode()
    secrets = [header, *(value.rpartition(":")[2] for value in PLANTED.values()), NOTIFY_TOKEN]
    texts = [json.dumps(answer.json()) for answer in server_answers(service)]
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    files = [
        path
        for folder in (service.home, service.store)
        for path in folder.rglob("*")
        if path.is_file() and path != service.home / "secrets"
    ]
    assert len(files) > 100
    for secret in secrets:
        assert [text for text in (*texts, *lines) if secret in text] == []
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def server_answers(service: RunningService) -> list[httpx.Response]:
    """Returns the server's answers about runs, logs, parameters and pages, 200 of each."""
    kinds = ("flow_runs", "task_runs", "logs", "artifacts", "deployments", "work_pools")
    answers = [service.client.request("POST", f"/{kind}/filter", json={}) for kind in kinds]
    assert all(answer.json() for answer in answers)
    return answers


def test_second_up_says_that_it_runs_and_where(service: RunningService):
    done = service_command("up", service.environment)
    assert done.returncode == 0
    assert done.stdout == f"aeflow is already running at {service.url} (`make down` stops it).\n"
