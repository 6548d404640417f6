"""The commands of the README that start servers."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def response_of(url: str, *, seconds: float = 120) -> httpx.Response:
    end = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.fixture
def command(tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a command of the README, on a port that differs from the developer's own server."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }

    def run(line: str) -> subprocess.CompletedProcess:
        name, *arguments = line.replace("4200", str(port)).split()
        return subprocess.run(
            [BIN / name, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

    run.url = f"http://127.0.0.1:{port}/api"
    return run


def test_runs_reach_the_server_of_the_profile(command):
    command("prefect server start --background")
    try:
        response_of(f"{command.url}/health")
        command("prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api")
        command("aeflow run")
        runs = httpx.post(f"{command.url}/flow_runs/filter", json={}).json()
        assert sorted(run["state"]["name"] for run in runs) == ["Completed", "Completed"]
    finally:
        command("prefect server stop")


def test_tensorboard_shows_what_the_store_holds(tmp_path):
    subprocess.run(
        [BIN / "aeflow", "run", "--preset", "quick", "--epochs", "2", "--direct"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    port = free_port()
    with subprocess.Popen(
        [BIN / "aeflow", "tensorboard", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as tensorboard:
        try:
            url = f"http://127.0.0.1:{port}"
            response_of(url)
            end = time.monotonic() + 60
            while not (runs := response_of(f"{url}/data/runs").json()) and time.monotonic() < end:
                time.sleep(0.5)
            assert any("logs" in run for run in runs)
            assert any("publications" in run for run in runs)
        finally:
            tensorboard.terminate()
