"""Processes are identified by PID and start time or by their mark, and can be ended."""

import os
import subprocess
import sys
import time

import psutil

from infra.processes import MARK, end_all, identity, is_alive, marked

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "
    "time.sleep(60)",
]


def start_process(command: list[str], **environment: str) -> subprocess.Popen:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    return process


def test_process_that_took_an_old_number_is_another():
    own_identity = identity(os.getpid())
    assert is_alive(own_identity)
    assert not is_alive({**own_identity, "started": own_identity["started"] - 60})


def test_process_that_ended_is_not_alive_though_nobody_asked_for_its_code():
    process = start_process(SLEEP)
    old_identity = identity(process.pid)
    process.kill()
    end = time.monotonic() + 10
    while is_alive(old_identity) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(old_identity)
    process.wait()


def test_mark_is_found_in_children_and_their_children(tmp_path):
    grandchild = f"import subprocess, sys; subprocess.run({SLEEP!r})"
    with start_process([sys.executable, "-c", grandchild], **{MARK: str(tmp_path)}) as process:
        assert len(list(marked(tmp_path))) == 2
        assert list(marked(tmp_path / "another")) == []
        end_all(marked(tmp_path), grace_seconds=5)
        process.wait()
    assert list(marked(tmp_path)) == []


def test_process_that_does_not_listen_is_killed_when_its_time_is_up():
    with start_process(STUBBORN) as stubborn, start_process(SLEEP) as gentle:
        start = time.monotonic()
        end_all([psutil.Process(p.pid) for p in (stubborn, gentle)], grace_seconds=1)
        assert (stubborn.wait(), gentle.wait()) == (-9, -15)
        assert 1 <= time.monotonic() - start < 5
