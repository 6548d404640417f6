"""The parts of the service: the database, the server, the workers, TensorBoard, the reports."""

import os
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from aeflow.compute.proxies import without_proxy
from infra.credentials import NOTIFY, Credentials
from infra.postgres import Postgres
from infra.processes import MARK
from infra.settings import HOST, Settings

__all__ = ["PREFECT", "ROOT", "Part", "answers", "parts_of"]

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
PREFECT = (PYTHON, "-m", "prefect")
SECONDS_TO_ANSWER = 5.0


def _always_ready(_since: float) -> bool:
    return True


@dataclass(frozen=True)
class Part:
    """Describes one process: how it is started, when it is ready, how it is stopped.

    `is_ready` gets the time of the start, in seconds since the epoch. If `once` is set, the process
    exits by itself, and the next group starts only after that.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    is_ready: Callable[[float], bool] = _always_ready
    once: bool = False
    runs_flows: bool = False
    user: str | None = None
    folder: Path = ROOT
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0


def parts_of(
    settings: Settings, secret: Credentials, postgres: Postgres | None
) -> list[list[Part]]:
    """Returns the parts in groups. A group starts when all groups before it are ready."""
    plain = _environment(settings)
    client = plain | _client_environment(settings, secret)
    workers = [_worker(settings, secret, pool, client) for pool in settings.pools]
    return [
        [_database(postgres, plain)] if postgres else [],
        [_server(settings, secret, postgres, client)],
        [_deployments(settings, secret, client)],
        [*workers, _tensorboard(settings, plain), _reports(settings, plain)],
    ]


def _environment(settings: Settings) -> dict[str, str]:
    """Returns our environment without Prefect's settings, which may name another server.

    The address of the webhook may contain a token, so only the part that sends it has it.
    """
    left_out = ("PREFECT_", NOTIFY)
    inherited = {n: value for n, value in os.environ.items() if not n.startswith(left_out)}
    own = {MARK: str(settings.home), "PYTHONUNBUFFERED": "1", "MPLBACKEND": "agg"}
    # Prefect does not start without a home folder, and a user without a name has no home folder.
    return {"HOME": str(settings.home), **inherited, **without_proxy(inherited), **own}


def _client_environment(settings: Settings, secret: Credentials) -> dict[str, str]:
    return {
        "PREFECT_API_URL": f"{settings.url}/api",
        "PREFECT_API_AUTH_STRING": secret.auth,
        "PREFECT_HOME": str(settings.home / "prefect"),
        # If the server is away, clients wait for it. They neither start their own nor give up soon.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "DO_NOT_TRACK": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "AEFLOW_STORE": str(settings.store),
        "AEFLOW_TENSORBOARD_URL": settings.tensorboard_link,
        "AEFLOW_REPORT_URL": settings.report_link,
    }


def _database(postgres: Postgres, environment: Mapping[str, str]) -> Part:
    return Part(
        "postgres",
        postgres.command,
        environment,
        is_ready=lambda _since: postgres.is_ready(),
        user=postgres.user,
        folder=postgres.folder,
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: it does not wait for clients
    )


def _server(
    settings: Settings,
    secret: Credentials,
    postgres: Postgres | None,
    environment: Mapping[str, str],
) -> Part:
    sqlite = f"sqlite+aiosqlite:///{settings.home}/prefect/prefect.db"
    url = postgres.url(secret.postgres_password) if postgres else sqlite
    own = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": url,
        "PREFECT_SERVER_API_AUTH_STRING": secret.auth,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Limits the growth of the database: events are kept for a week, runs for a quarter.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
        # The server still knows which runs were active if the machine is down for days.
        "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "P7D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "7776000",
        # The runner ends a cancelled run. If it cannot, the run ends itself within this time.
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": "60",
    }
    return Part(
        "server",
        (*PREFECT, "server", "start", "--host", HOST, "--port", str(settings.port)),
        {**environment, **own},
        is_ready=lambda _since: answers(f"{settings.url}/api/health"),
    )


def _deployments(settings: Settings, secret: Credentials, environment: Mapping[str, str]) -> Part:
    own = {"AEFLOW_HOME": str(settings.home)}
    own |= {NOTIFY: secret.notify_url} if secret.notify_url else {}
    command = (PYTHON, "-m", "deployments.apply", *settings.apply_options)
    return Part("deployments", command, {**environment, **own}, once=True)


def _worker(
    settings: Settings, secret: Credentials, pool: str, environment: Mapping[str, str]
) -> Part:
    # Only the pool that counts GPU slots may use a GPU.
    hidden = {} if pool == "gpu" else {"CUDA_VISIBLE_DEVICES": "-1"}
    return Part(
        f"worker-{pool}",
        (PYTHON, "-m", "infra.worker", pool),
        {**environment, **hidden},
        is_ready=lambda since: _is_online(settings, secret, pool, since=since),
        runs_flows=True,
        stop_seconds=45.0,
    )


def _tensorboard(settings: Settings, environment: Mapping[str, str]) -> Part:
    flags = ("--logdir", str(settings.store), "--load_fast", "false")
    address = ("--host", HOST, "--port", str(settings.tensorboard_port))
    return Part(
        "tensorboard",
        (PYTHON, "-m", "tensorboard.main", *flags, *address),
        {**environment, "CUDA_VISIBLE_DEVICES": "-1"},
        is_ready=lambda _since: answers(settings.tensorboard_url),
    )


def _reports(settings: Settings, environment: Mapping[str, str]) -> Part:
    return Part(
        "reports",
        (PYTHON, "-m", "infra.reports", str(settings.store), "--port", str(settings.report_port)),
        environment,
        is_ready=lambda _since: answers(settings.report_url),
    )


def answers(url: str) -> bool:
    """Returns whether a server at an address answers with success."""
    try:
        return httpx.get(url, timeout=SECONDS_TO_ANSWER, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _is_online(settings: Settings, secret: Credentials, pool: str, *, since: float) -> bool:
    """Returns whether a worker of a pool has sent a heartbeat since the time `since`."""
    user, _, password = secret.auth.partition(":")
    headers = {"Prefect-Csrf-Client": uuid.uuid4().hex}
    try:
        with httpx.Client(
            base_url=f"{settings.url}/api",
            auth=(user, password),
            timeout=SECONDS_TO_ANSWER,
            trust_env=False,  # no proxy, and no credentials from .netrc
        ) as client:
            token_response = client.get(
                "/csrf-token", params={"client": headers["Prefect-Csrf-Client"]}
            )
            headers["Prefect-Csrf-Token"] = token_response.raise_for_status().json()["token"]
            workers_response = client.post(
                f"/work_pools/{pool}/workers/filter", json={}, headers=headers
            )
            workers = workers_response.raise_for_status().json()
    except httpx.HTTPError:
        return False
    heartbeats = (datetime.fromisoformat(worker["last_heartbeat_time"]) for worker in workers)
    return any(time.timestamp() > since for time in heartbeats)
