"""A service that a test starts as a user does, and a client of its server."""

import asyncio
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.states import Cancelling

from infra.processes import marked
from tests.source_code import ROOT

T = TypeVar("T")
SOME_EPOCHS = 250
"""A training of about ten seconds, which is enough time to kill a process."""
QUICK = {"model": {"latent_dim": 8}, "train": {"epochs": 20}}
SEEDS = itertools.count(1)
"""Tests share a store, so each training needs its own seed or the stored model is returned."""

PLANTED = {
    "PREFECT_API_AUTH_STRING": "admin:planted-for-the-api",
    "AEFLOW_POSTGRES_PASSWORD": "planted-for-postgres",
    "AEFLOW_REDIS_PASSWORD": "planted-for-redis",
}
NOTIFY_TOKEN = "planted-for-the-webhook"


@dataclass(frozen=True)
class RunningService:
    """Holds the folder, environment and client of a service, and acts on it like a user."""

    home: Path
    environment: dict[str, str]
    client: SyncPrefectClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['AEFLOW_PORT']}"

    @property
    def auth(self) -> str:
        return PLANTED["PREFECT_API_AUTH_STRING"]

    @property
    def notify_port(self) -> int:
        return urlsplit(self.environment["AEFLOW_NOTIFY_URL"]).port or 0

    @property
    def store(self) -> Path:
        return Path(self.environment["AEFLOW_STORE"])

    def pid(self, part: str) -> int | None:
        """Returns the PID of a part, or None while it is restarting."""
        state = json.loads((self.home / "service.json").read_text())
        (process,) = [p["process"] for p in state["parts"] if p["name"] == part]
        return int(process["pid"]) if process else None

    def start(self, deployment: str, config: dict[str, Any], **more: Any) -> UUID:
        """Starts a run like the form in the UI; returns its id."""
        details = self.client.read_deployment_by_name(deployment)
        parameters = {"config": config, **more}
        return self.client.create_flow_run_from_deployment(details.id, parameters=parameters).id

    def run(self, run: UUID) -> FlowRun:
        return self.client.read_flow_run(run)

    def children(self, run: UUID) -> list[FlowRun]:
        parent = FlowRunFilterParentFlowRunId(any_=[run])
        return self.client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))

    def runs_of(self, deployment: UUID) -> list[FlowRun]:
        of = FlowRunFilterDeploymentId(any_=[deployment])
        return self.client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id=of))

    def state(self, run: UUID) -> str:
        """Returns the name of a run's state, or "away" if the server does not answer."""
        try:
            run_state = self.client.read_flow_run(run).state
        except httpx.HTTPError:
            return "away"
        return run_state.name if run_state else "none"

    def wait(self, run: UUID, *names: str, seconds: float = 240) -> FlowRun:
        """Waits until the state of a run has one of the names; returns the run."""
        until(
            lambda: self.state(run) in names, seconds, otherwise=lambda: f"it is {self.state(run)}"
        )
        return self.run(run)

    def cancel(self, run: UUID) -> None:
        self.client.set_flow_run_state(run, Cancelling())

    def start_training(
        self,
        deployment: str,
        *,
        epochs: int = 100_000,
        runtime: dict[str, Any] | None = None,
        **more: Any,
    ) -> tuple[UUID, Path]:
        """Starts a training with a new seed; returns its run, and the path of its checkpoint."""
        before = set(self._checkpoints())
        config = {"model": {"latent_dim": 8}, "train": {"epochs": epochs, "seed": next(SEEDS)}}
        config["runtime"] = runtime or {}
        run = self.start(deployment, config, **more)
        (checkpoint,) = until(
            lambda: set(self._checkpoints()) - before,
            120,
            otherwise=lambda: f"the training is {self.state(run)}, without a checkpoint",
        )
        return run, checkpoint

    def logs(self, run: UUID) -> list[str]:
        """Returns the messages of a run's log."""
        of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
        return [log.message for log in self.client.read_logs(log_filter=of_run)]

    def resumed_steps(self, run: UUID) -> list[int]:
        """Returns the step of each time that a training continued from a checkpoint."""
        messages = [
            message for message in self.logs(run) if message.startswith("train: goes on from step")
        ]
        return [int(re.findall(r"\d+", message)[0]) for message in messages]

    def came_to(self, run: UUID, state: str) -> datetime:
        """Returns when a run first entered a state of that name."""
        states = self.client.read_flow_run_states(run)
        return min(one.timestamp for one in states if one.name == state)

    def processes(self, run: UUID) -> list[psutil.Process]:
        """Returns the processes of a run: one, or none before it starts."""
        return [p for p in marked(self.home) if _variable(p, "PREFECT__FLOW_RUN_ID") == str(run)]

    def process(self, run: UUID) -> psutil.Process:
        """Returns the process of a run."""
        return self.processes(run)[0]

    def ask_database(self, query: str, password: str) -> Any:
        """Returns the single value of a query to PostgreSQL with that password."""

        async def fetch_value() -> Any:
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=int(self.environment["AEFLOW_POSTGRES_PORT"]),
                user="aeflow",
                password=password,
                database="postgres",
            )
            try:
                return await connection.fetchval(query)
            finally:
                await connection.close()

        return asyncio.run(fetch_value())

    def _checkpoints(self) -> list[Path]:
        return list(self.store.glob("models/*.partial/_work/checkpoint.npz"))


@contextmanager
def connected_client(environment: dict[str, str], auth: str) -> Iterator[SyncPrefectClient]:
    """Yields a client of a service's server with that login."""
    settings = {
        PREFECT_API_URL: f"http://127.0.0.1:{environment['AEFLOW_PORT']}/api",
        PREFECT_API_AUTH_STRING: auth,
        PREFECT_CLIENT_MAX_RETRIES: 0,
    }
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client


@contextmanager
def running(**more: str) -> Iterator[RunningService]:
    """Runs a service with known secrets, and checks at the end that it leaves no process."""
    folder = Path(tempfile.mkdtemp(prefix="aeflow-"))
    folder.chmod(0o711)  # started by root, PostgreSQL runs as another user, which must enter it
    environment = new_environment(folder) | more
    home = folder / "home"
    home.mkdir(mode=0o711)
    (home / "secrets").write_text("".join(f"{name}={value}\n" for name, value in PLANTED.items()))
    (home / "secrets").chmod(0o600)
    try:
        up = service_command("up", environment)
        assert up.returncode == 0, up.stderr + up.stdout
        assert "aeflow is running on PostgreSQL" in up.stdout
        with connected_client(environment, PLANTED["PREFECT_API_AUTH_STRING"]) as client:
            yield RunningService(home, environment, client)
    finally:
        down = service_command("down", environment)
        leftovers = list(marked(home))
    assert (down.returncode, leftovers) == (0, []), down.stderr
    shutil.rmtree(folder)


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except psutil.NoSuchProcess:  # it has exited meanwhile
        return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def new_environment(folder: Path) -> dict[str, str]:
    """Returns the settings of a service on free ports."""
    parts = ("POSTGRES_PORT", "TENSORBOARD_PORT", "REPORT_PORT")
    ports = ("AEFLOW_PORT", *(f"AEFLOW_{part}" for part in parts))
    return {
        "AEFLOW_HOME": str(folder / "home"),
        "AEFLOW_STORE": str(folder / "store"),
        "AEFLOW_NOTIFY_URL": f"http://127.0.0.1:{free_port()}/hooks/{NOTIFY_TOKEN}",
        **{port: str(free_port()) for port in ports},
    }


def until(
    check: Callable[[], T], seconds: float, *, otherwise: Callable[[], str] = lambda: "still false"
) -> T:
    """Waits until `check` returns a true value and returns it; else fails with `otherwise`."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, f"not in {seconds} s: {otherwise()}"
        time.sleep(0.5)
    return value


def service_command(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs `make up` or another target in the root of the repository."""
    return subprocess.run(
        ["make", "--silent", command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
