"""A Prefect worker that lets its runs save their work: `python -m infra.worker POOL`.

Prefect's own worker kills its runs at SIGTERM, and they stay Running on the server for ever.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time

import psutil

from infra.processes import end_all, session_of

__all__ = ["main"]

POLL_SECONDS = 0.25
RUN_SECONDS = 30.0
WORKER_SECONDS = 10.0


def main() -> int:
    """Runs a worker until SIGTERM or Ctrl-C; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.worker", description=__doc__)
    parser.add_argument("pool", help="Work pool to take runs from.")
    parser.add_argument(
        "--health",
        action="store_true",
        help="Report on 127.0.0.1:8080/health whether the worker still polls for runs.",
    )
    parser.add_argument(
        "--queue",
        action="append",
        default=[],
        help="Take runs from this queue of the pool only; may be repeated.",
    )
    parser.add_argument(
        "--name", help="Name of the worker; two workers on one host need different names."
    )
    arguments = parser.parse_args()
    name = arguments.name or f"{arguments.pool}-{socket.gethostname()}"
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: signals.append(number))
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "prefect", "worker", "start"),
            *("--pool", arguments.pool, "--name", name),
            *(word for queue in arguments.queue for word in ("--work-queue", queue)),
            *(("--with-healthcheck",) if arguments.health else ()),
        ],
        env={"PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", **os.environ},
        process_group=0,  # Ctrl-C goes to this process only
    )
    while worker.poll() is None and not signals:
        time.sleep(POLL_SECONDS)
    return _stop(worker) if signals else worker.returncode


def _stop(worker: subprocess.Popen[bytes]) -> int:
    """Stops the runs, which save their work and report it, and then the worker.

    Returns the exit code.
    """
    if worker.poll() is None:
        worker.send_signal(signal.SIGSTOP)  # from here on it takes no runs
        end_all(_runs(worker.pid), grace_seconds=RUN_SECONDS)
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
    try:
        worker.wait(WORKER_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
    return 0 if worker.wait() == 0 else 1


def _runs(worker: int) -> list[psutil.Process]:
    """Returns the processes of the runs. A worker starts each run in a session of its own."""
    children = psutil.Process(worker).children(recursive=True)
    return [child for child in children if session_of(child.pid) == child.pid]


if __name__ == "__main__":
    sys.exit(main())
