"""The machines that train one model together, and how they find each other.

TensorFlow's own rendezvous cannot be interrupted. It blocks every thread of the process, including
the heartbeat of a lease. The machines therefore meet here first. When TensorFlow starts, all of
them are present, and it need not wait.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from aeflow.errors import ConfigError, TransientError

__all__ = ["Cluster", "cluster_here", "meet", "task_of"]

JOBS = ("chief", "worker")
"""TensorFlow's names of the jobs that train. The first machine, in this order, is the chief."""
POLL_SECONDS = 0.5
MOST_BYTES = 1024
GO = "go"
LOOPBACK = ("localhost", "127.0.0.1")

OnWait = Callable[[], None]
"""Called at least once a second while waiting; an exception ends the wait."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cluster:
    """Holds the addresses HOST:PORT of the machines, and the index of this process's machine."""

    machines: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def size(self) -> int:
        """The number of machines."""
        return len(self.machines)

    @property
    def is_chief(self) -> bool:
        """Whether this machine is the chief, which is the only machine that writes files."""
        return self.index == 0

    @property
    def is_alone(self) -> bool:
        """Whether this machine is the only one."""
        return self.size == 1


def cluster_here() -> Cluster:
    """Returns the cluster that the environment variable `TF_CONFIG` describes.

    TensorFlow defines the format of this variable. If the variable is not set, the cluster has one
    machine. Raises ConfigError if the variable has another format.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return Cluster()
    try:
        content = json.loads(text)
        task = content["task"]["type"], int(content["task"]["index"])
        jobs = {
            job: list(map(_checked_machine, machines))
            for job, machines in content["cluster"].items()
        }
        if not set(jobs) <= set(JOBS):
            raise ValueError(f"its jobs must be among {', '.join(JOBS)}, not {', '.join(jobs)}")
        tasks = [(job, i) for job in JOBS for i in range(len(jobs.get(job, ())))]
        return Cluster(tuple(jobs[job][i] for job, i in tasks), tasks.index(task))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"TF_CONFIG = '{text}' does not name the machines that train together ({error}). "
            'Set it to {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", '
            '"index": 0}} with another index on each machine, or unset it.'
        ) from error


def task_of(machines: Sequence[str], index: int) -> str:
    """Returns the value of `TF_CONFIG` for one of the machines."""
    cluster = {"worker": list(machines)}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


def _checked_machine(machine: str) -> str:
    host, port = _address(machine)
    if not host or not 0 < port < 65536:
        raise ValueError(f"'{machine}' is not HOST:PORT")
    return machine


def meet(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    """Waits until all machines of a cluster are ready for the same work; all calls return together.

    The chief listens at its address. The other machines connect to it and send the name of their
    work. If the work of a machine differs from the chief's, this call raises ConfigError on that
    machine, and the chief keeps waiting.
    """
    if cluster.is_chief:
        _wait_for_all(cluster, work, on_wait)
    else:
        _wait_for_chief(cluster, work, on_wait)


def _wait_for_all(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    connections: dict[str, socket.socket] = {}
    with ExitStack() as stack:
        server = stack.enter_context(_server(*_address(cluster.machines[0])))
        while len(connections) < cluster.size - 1:
            on_wait()
            with suppress(TimeoutError):
                connection, _ = server.accept()
                stack.enter_context(connection)
                index, _, other_work = (_received(connection, POLL_SECONDS) or "").partition(" ")
                if other_work == work and index in map(str, range(1, cluster.size)):
                    connections[index] = connection
                else:
                    logger.warning("train: a machine connected for other work: '%s'", other_work)
                    with suppress(OSError), connection:  # it may have disconnected
                        connection.sendall(work.encode())
            connections = {
                index: connection
                for index, connection in connections.items()
                if _received(connection, 0) is None
            }
        for connection in connections.values():
            connection.sendall(GO.encode())


def _wait_for_chief(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    reply: str | None = None
    while not reply:
        on_wait()
        time.sleep(POLL_SECONDS)
        with (
            suppress(OSError),
            socket.create_connection(_address(cluster.machines[0]), 1) as connection,
        ):
            connection.sendall(f"{cluster.index} {work}".encode())
            while (reply := _received(connection, POLL_SECONDS)) is None:
                on_wait()
    if reply != GO:
        raise ConfigError(
            f"The chief of TF_CONFIG, {cluster.machines[0]}, trains {reply}, but this machine "
            f"trains {work}. Use the same command, version and store on every machine."
        )


def _server(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on loopback if the host is loopback, else on all addresses.

    TensorFlow does the same.
    """
    try:
        server = socket.create_server((host if host in LOOPBACK else "", port))
    except OSError as error:
        raise TransientError(
            f"Cannot wait for the other machines of TF_CONFIG at port {port}: {error.strerror}. "
            "Free the port, or choose another."
        ) from error
    server.settimeout(POLL_SECONDS)
    return server


def _received(connection: socket.socket, seconds: float) -> str | None:
    """Returns the text that the peer sent, "" if the peer disconnected, or None if nothing came."""
    connection.settimeout(seconds)
    try:
        return connection.recv(MOST_BYTES).decode(errors="replace")
    except (TimeoutError, BlockingIOError):
        return None
    except OSError:
        return ""


def _address(machine: str) -> tuple[str, int]:
    host, _, port = machine.rpartition(":")
    return host, int(port)
