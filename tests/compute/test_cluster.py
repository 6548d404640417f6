"""Machines meet over real sockets between threads."""

import json
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from aeflow.compute.cluster import Cluster, cluster_here, meet, task_of
from aeflow.errors import ConfigError, Interrupted, TransientError
from tests.clusters import addresses

SECONDS = 20


class Meeting:
    """Starts machines one by one, each in its own thread."""

    def __init__(self, pool: ThreadPoolExecutor, size: int):
        self.machines = tuple(addresses(size))
        self._pool = pool
        self._end = time.monotonic() + SECONDS

    def come(self, index: int, work: str = "work", wait: Callable[[], None] | None = None):
        """Starts a machine, which waits until `wait` raises an exception."""
        cluster = Cluster(self.machines, index)
        return self._pool.submit(meet, cluster, work, wait or self._in_time)

    def _in_time(self) -> None:
        if time.monotonic() > self._end:
            raise Interrupted("no machine came")


@pytest.fixture
def meeting():
    """Yields a meeting of three machines."""
    with ThreadPoolExecutor() as pool:
        yield Meeting(pool, 3)


def is_waiting(machine: Future) -> bool:
    """Returns whether a machine still waits after 1.5 seconds."""
    time.sleep(1.5)
    return not machine.done()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_machines_wait_for_the_last_one(order, meeting):
    first, second = meeting.come(order[0]), meeting.come(order[1])
    assert is_waiting(first) and is_waiting(second)
    third = meeting.come(order[2])
    for machine in (first, second, third):
        assert machine.result(SECONDS) is None


def test_a_machine_with_other_work_is_refused_and_the_others_keep_waiting(meeting):
    chief, second, other = meeting.come(0), meeting.come(1), meeting.come(2, "else")
    with pytest.raises(ConfigError, match="trains work, but this machine trains else"):
        other.result(SECONDS)
    assert is_waiting(chief) and is_waiting(second)
    meeting.come(2).result(SECONDS)
    assert chief.result(SECONDS) is second.result(SECONDS) is None


def test_a_machine_that_disconnects_is_waited_for_again(meeting):
    ends: list[bool] = []

    def until_end() -> None:
        if ends:
            raise Interrupted("enough")

    chief, second = meeting.come(0), meeting.come(1, wait=until_end)
    assert is_waiting(second)
    ends.append(True)
    with pytest.raises(Interrupted):
        second.result(SECONDS)
    third = meeting.come(2)
    assert is_waiting(chief) and is_waiting(third)
    meeting.come(1).result(SECONDS)
    assert chief.result(SECONDS) is third.result(SECONDS) is None


def test_an_unrelated_connection_disturbs_no_machine(meeting):
    chief, second = meeting.come(0), meeting.come(1)
    assert is_waiting(chief)
    host, _, port = meeting.machines[0].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n\xff")
        connection.recv(100)
    for _ in range(3):
        with socket.create_connection((host, int(port))) as connection:  # and one that is reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert is_waiting(chief)
    meeting.come(2).result(SECONDS)
    assert chief.result(SECONDS) is second.result(SECONDS) is None


def test_a_port_that_is_taken_is_one_line(meeting):
    host, _, port = meeting.machines[0].partition(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(TransientError, match=f"at port {port}: .* Free the port, or choose another"),
    ):
        meeting.come(0).result(SECONDS)


@pytest.mark.parametrize(
    "value",
    [
        "worker",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        task_of(["a:1", "b:2"], 2),
        task_of(["a:1", "b"], 0),
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_an_invalid_cluster_is_one_line(value, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(ConfigError, match="does not name the machines that train together"):
        cluster_here()


def test_a_chief_comes_before_the_workers(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster_here() == Cluster()
    jobs = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    content = {"cluster": jobs, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    cluster = cluster_here()
    assert (cluster.machines, cluster.index, cluster.is_chief) == (("a:1", "b:1", "c:1"), 2, False)
