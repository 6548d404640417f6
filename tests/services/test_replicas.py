"""Two Prefect servers behind one address: runs and schedules continue if one server dies."""

import asyncio
import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psutil
import pytest
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import emit_event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

from infra.processes import marked
from tests.services.running_service import (
    PLANTED,
    SOME_EPOCHS,
    RunningService,
    free_port,
    running,
    until,
)

OURS = ("postgres", "redis", "server-1", "server-2", "proxy", "worker-cpu", "tensorboard")


def free_neighbours() -> int:
    """Returns a free port if the next port is free too."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if port < 65535 and probe.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


@pytest.fixture(scope="module")
def replicated() -> Iterator[RunningService]:
    ports = {"AEFLOW_SERVER_PORT": free_neighbours(), "AEFLOW_REDIS_PORT": free_port()}
    more = {name: str(port) for name, port in ports.items()}
    with running(AEFLOW_SERVERS="2", AEFLOW_POOLS="cpu", **more) as service:
        yield service


def kill(service: RunningService, part: str) -> int:
    pid = service.pid(part)
    psutil.Process(pid).kill()
    assert pid
    return pid


def wait_until_back(service: RunningService, part: str, before: int) -> None:
    """Waits until a killed part has restarted and accepts connections."""
    first, redis = (int(service.environment[f"AEFLOW_{n}_PORT"]) for n in ("SERVER", "REDIS"))
    port = {"server-1": first, "server-2": first + 1, "redis": redis}[part]

    def is_back() -> bool:
        with socket.socket() as probe:
            is_listening = probe.connect_ex(("127.0.0.1", port)) == 0
        return is_listening and service.pid(part) not in (None, before)

    until(is_back, 120)


def test_training_completes_though_one_of_two_servers_is_killed(replicated: RunningService):
    run, _ = replicated.start_training("train-autoencoder/cpu", epochs=SOME_EPOCHS)
    first = kill(replicated, "server-1")
    for _ in range(
        10
    ):  # the proxy alternates between servers; the living one must answer each request
        assert httpx.get(f"{replicated.url}/api/health", timeout=60).is_success
    assert replicated.wait(run, "Completed", seconds=300).run_count == 1
    wait_until_back(replicated, "server-1", first)


def test_schedule_fires_after_a_server_and_redis_were_killed(replicated: RunningService):
    for part in ("redis", "server-2"):
        wait_until_back(replicated, part, kill(replicated, part))
    flow = replicated.client.create_flow_from_name("ingest-dataset")
    cron = CronSchedule(cron="* * * * *", timezone="UTC")
    deployment = replicated.client.create_deployment(
        flow,
        name="every-minute",
        entrypoint="flows.single_stages.ingest_dataset",
        work_pool_name="cpu",
        work_queue_name="batch",
        parameters={"config": {}, "store": str(replicated.store)},
        schedules=[DeploymentScheduleCreate(schedule=cron, active=True)],
    )

    def completed() -> list:
        runs = replicated.runs_of(deployment)
        return [run for run in runs if run.state_type == StateType.COMPLETED]

    assert until(completed, 400)[0].auto_scheduled
    replicated.client.delete_deployment(deployment)


def test_events_reach_the_subscribers_of_either_server(replicated: RunningService):
    names = {f"aeflow.test.{uuid4().hex}" for _ in range(4)}

    async def receive_events() -> set[str]:
        received_names = set()
        event_filter = EventFilter(event=EventNameFilter(name=sorted(names)))
        async with get_events_subscriber(filter=event_filter) as events:
            for name in names:
                emit_event(name, resource={"prefect.resource.id": "aeflow.test"})
            async for event in events:
                received_names.add(event.event)
                if received_names == names:
                    return received_names
        return received_names

    assert asyncio.run(asyncio.wait_for(receive_events(), 120)) == names


def test_everything_listens_on_this_machine_only_and_requires_a_login(replicated: RunningService):
    pids = {part: replicated.pid(part) for part in OURS}
    listening = {
        connection.laddr
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.pid in {*pids.values(), *(p.pid for p in marked(replicated.home))}
    }
    first, redis = (int(replicated.environment[f"AEFLOW_{n}_PORT"]) for n in ("SERVER", "REDIS"))
    ports = {int(replicated.environment["AEFLOW_PORT"]), first, first + 1, redis}
    assert ports <= {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    with socket.create_connection(("127.0.0.1", redis), 10) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(100).startswith(b"-NOAUTH")
    if psutil.Process().username() == "root":
        users = {part: psutil.Process(pids[part]).username() for part in ("redis", "proxy")}
        assert "root" not in users.values()


def test_secrets_are_in_their_file_and_nowhere_else(replicated: RunningService):
    secrets = [value.rpartition(":")[2] for value in PLANTED.values()]
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    home = replicated.home
    files = [p for p in home.rglob("*") if p.is_file() and p != home / "secrets"]
    logs = json.dumps(replicated.client.request("POST", "/logs/filter", json={}).json())
    assert home / "redis" / "redis.conf" in files
    for secret in secrets:
        assert [text for text in (*lines, logs) if secret in text] == []
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
