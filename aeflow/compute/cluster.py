"""The machines that train one model together: who they are, and how they find each other.

TensorFlow's own way to meet cannot be interrupted and stops every thread, a lease's heart too, so
machines meet here first; by then all are there and TensorFlow has nothing to wait for.
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
"""What TensorFlow calls machines that train; the first of all, in this order, is the chief."""
POLL_SECONDS = 0.5
MOST_BYTES = 1024
GO = "go"
LOOPBACK = ("localhost", "127.0.0.1")

OnWait = Callable[[], None]
"""Is called at least once a second; what it raises ends the waiting."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cluster:
    """Names the machines, HOST:PORT each, and says which of them this process runs on."""

    machines: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def size(self) -> int:
        """How many machines there are."""
        return len(self.machines)

    @property
    def is_chief(self) -> bool:
        """Says whether this machine is the one that writes."""
        return self.index == 0

    @property
    def is_alone(self) -> bool:
        """Says whether there is no machine but this one."""
        return self.size == 1


def cluster_here() -> Cluster:
    """Returns what `TF_CONFIG` in the environment says, as TensorFlow defines it.

    Raises ConfigError where it is not that.
    """
    given = os.environ.get("TF_CONFIG", "")
    if not given:
        return Cluster()
    try:
        content = json.loads(given)
        task = content["task"]["type"], int(content["task"]["index"])
        jobs = {job: list(map(_checked, machines)) for job, machines in content["cluster"].items()}
        if not set(jobs) <= set(JOBS):
            raise ValueError(f"a cluster of {', '.join(JOBS)} is wanted, not of {', '.join(jobs)}")
        tasks = [(job, i) for job in JOBS for i in range(len(jobs.get(job, ())))]
        return Cluster(tuple(jobs[job][i] for job, i in tasks), tasks.index(task))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"TF_CONFIG = '{given}' does not name the machines that train together ({error}). "
            'Give {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", '
            '"index": 0}}, the index of each machine its own, or leave TF_CONFIG out.'
        ) from error


def task_of(machines: Sequence[str], index: int) -> str:
    """Returns what `TF_CONFIG` is to be on one of the machines."""
    cluster = {"worker": list(machines)}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


def _checked(machine: str) -> str:
    host, port = _address(machine)
    if not host or not 0 < port < 65536:
        raise ValueError(f"'{machine}' is not HOST:PORT")
    return machine


def meet(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    """Returns in all machines of a cluster at once, when each is here for the same work.

    The chief listens at its address, the others come there and say what for. Raises ConfigError
    where the chief is there for other work, which itself waits on for the others.
    """
    if cluster.is_chief:
        _wait_for_all(cluster, work, on_wait)
    else:
        _wait_for_chief(cluster, work, on_wait)


def _wait_for_all(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    here: dict[str, socket.socket] = {}
    with ExitStack() as stack:
        listening = stack.enter_context(_listening(*_address(cluster.machines[0])))
        while len(here) < cluster.size - 1:
            on_wait()
            with suppress(TimeoutError):
                line, _ = listening.accept()
                stack.enter_context(line)
                index, _, other = (_said(line, POLL_SECONDS) or "").partition(" ")
                if other == work and index in map(str, range(1, cluster.size)):
                    here[index] = line
                else:
                    logger.warning("train: another machine came, for other work: '%s'", other)
                    with suppress(OSError), line:  # it may have left
                        line.sendall(work.encode())
            here = {index: line for index, line in here.items() if _said(line, 0) is None}
        for line in here.values():
            line.sendall(GO.encode())


def _wait_for_chief(cluster: Cluster, work: str, on_wait: OnWait) -> None:
    said: str | None = None
    while not said:
        on_wait()
        time.sleep(POLL_SECONDS)
        with suppress(OSError), socket.create_connection(_address(cluster.machines[0]), 1) as line:
            line.sendall(f"{cluster.index} {work}".encode())
            while (said := _said(line, POLL_SECONDS)) is None:
                on_wait()
    if said != GO:
        raise ConfigError(
            f"The chief of TF_CONFIG, {cluster.machines[0]}, trains something else: {said}, and "
            f"here it is {work}. Give every machine the same command, version and store."
        )


def _listening(host: str, port: int) -> socket.socket:
    """Listens on loopback only if that is where all machines are; TensorFlow listens anywhere."""
    try:
        listening = socket.create_server((host if host in LOOPBACK else "", port))
    except OSError as error:
        raise TransientError(
            f"Cannot wait for the other machines of TF_CONFIG at port {port}: {error.strerror}. "
            "Free it, or give another."
        ) from error
    listening.settimeout(POLL_SECONDS)
    return listening


def _said(line: socket.socket, seconds: float) -> str | None:
    """Returns what the other side said, empty where it has left, None where it is silent."""
    line.settimeout(seconds)
    try:
        return line.recv(MOST_BYTES).decode(errors="replace")
    except (TimeoutError, BlockingIOError):
        return None
    except OSError:
        return ""


def _address(machine: str) -> tuple[str, int]:
    host, _, port = machine.rpartition(":")
    return host, int(port)
