"""The running service: its lock and state, how it is stopped, and what a start does first.

Before a start, processes that a killed service left behind are ended, and the ports are checked.
"""

import errno
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from aeflow.compute.proxies import THIS_MACHINE
from aeflow.errors import AeflowError, ConfigError
from infra.postgres import Postgres
from infra.processes import end_all, identity, is_alive, marked
from infra.replicas import Replicas
from infra.settings import HOST, Settings

__all__ = [
    "ask_to_stop",
    "check_ports",
    "end_leftovers",
    "holder",
    "locked",
    "make_folders",
    "state_of",
    "write_client",
]

STOP_SECONDS = 120.0
LEFT_OVER_SECONDS = 10.0
POLL_SECONDS = 0.1


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Holds the lock of the service. Raises ConfigError if another process holds it."""
    with settings.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"aeflow is already running in '{settings.home}'. Stop it first: make down"
            ) from error
        file.truncate(0)
        file.write(json.dumps(identity(os.getpid())))
        file.flush()
        yield


def holder(settings: Settings) -> dict[str, float] | None:
    """Returns the identity of the process that runs the service, or None if there is none."""
    try:
        holder_identity = json.loads(settings.lock.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return holder_identity if is_alive(holder_identity) else None


def state_of(settings: Settings) -> dict[str, Any]:
    """Returns the state that the service has written, or an empty dictionary if there is none."""
    try:
        return json.loads(settings.state.read_text("utf-8"))
    except FileNotFoundError:
        return {}


def ask_to_stop(settings: Settings) -> bool:
    """Stops the service and waits for its end; returns whether it was running.

    Raises:
        AeflowError: If it is still running after 120 seconds.
    """
    holder_identity = holder(settings)
    if not holder_identity:
        return False
    os.kill(int(holder_identity["pid"]), signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while is_alive(holder_identity):
        if time.monotonic() > end:
            raise AeflowError(
                f"The service did not stop within {STOP_SECONDS:g} s. Look into its logs in "
                f"{settings.logs}, or kill it: kill -9 {holder_identity['pid']:.0f}; make down"
            )
        time.sleep(POLL_SECONDS)
    return True


def end_leftovers(settings: Settings) -> int:
    """Ends the processes that a killed service left behind; returns how many there were."""
    parts = [part["process"] for part in state_of(settings).get("parts", ())]
    part_pids = {int(part["pid"]) for part in parts if is_alive(part)}
    leftovers = {process.pid: process for process in marked(settings.home)}
    leftovers |= {pid: psutil.Process(pid) for pid in part_pids - leftovers.keys()}
    end_all(leftovers.values(), grace_seconds=LEFT_OVER_SECONDS)
    settings.state.unlink(missing_ok=True)
    return len(leftovers)


def check_ports(
    settings: Settings, postgres: Postgres | None, replicas: Replicas | None = None
) -> None:
    """Raises ConfigError if a port of the service is taken."""
    ports = {
        "AEFLOW_PORT": settings.port,
        "AEFLOW_TENSORBOARD_PORT": settings.tensorboard_port,
        "AEFLOW_REPORT_PORT": settings.report_port,
    }
    if postgres:
        ports["AEFLOW_POSTGRES_PORT"] = settings.postgres_port
    several = [("AEFLOW_SERVER_PORT", port) for port in replicas.ports] if replicas else []
    several += [("AEFLOW_REDIS_PORT", replicas.redis.port)] if replicas else []
    for name, port in (*ports.items(), *several):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise ConfigError(
                    f"Port {port} is taken. Set {name} to a free port, or stop the program that "
                    "listens there."
                ) from error


def make_folders(settings: Settings) -> None:
    """Creates the folders. Other users may enter the folder of the service, but not list it."""
    for folder, mode in ((settings.home, 0o711), (settings.logs, 0o700)):
        new = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for each in new:  # independent of the umask
            each.chmod(mode)
    settings.store.mkdir(parents=True, exist_ok=True)


def write_client(settings: Settings) -> None:
    """Writes the file that connects a shell to the service. It only refers to the secrets."""
    settings.client.write_text(
        f"# Connects `prefect` and `aeflow` to this service: . {settings.client}\n"
        f"export PREFECT_API_URL={settings.url}/api\n"
        f"export PATH='{Path(sys.executable).parent}':$PATH\n"
        f"export AEFLOW_HOME='{settings.home}'\n"
        f"export AEFLOW_STORE='{settings.store}'\n"
        f"export AEFLOW_TENSORBOARD_URL={settings.tensorboard_link}\n"
        f"export AEFLOW_REPORT_URL={settings.report_link}\n"
        f'export no_proxy="{",".join(THIS_MACHINE)},${{no_proxy-}},${{NO_PROXY-}}"\n'
        'export NO_PROXY="$no_proxy"\n'
        f"export PREFECT_API_AUTH_STRING=$(sed -n 's/^PREFECT_API_AUTH_STRING=//p' "
        f"'{settings.secrets}')\n",
        "utf-8",
    )
