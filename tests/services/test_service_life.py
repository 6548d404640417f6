"""Start and stop of the service on a machine without PostgreSQL, and with a taken port."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.processes import marked
from tests.services.running_service import new_environment, service_command


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    settings = new_environment(tmp_path) | {"AEFLOW_DATABASE": "sqlite", "AEFLOW_POOLS": "cpu"}
    yield settings
    service_command("down", settings)


def ours(environment: dict[str, str]) -> list[psutil.Process]:
    return list(marked(Path(environment["AEFLOW_HOME"])))


def test_taken_port_is_one_line_and_nothing_starts(environment: dict[str, str]):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", int(environment["AEFLOW_PORT"])))
        listener.listen()
        done = service_command("up", environment)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        f"aeflow: Port {environment['AEFLOW_PORT']} is taken. Set AEFLOW_PORT to a free port, "
        "or stop the program that listens there."
    )
    assert not Path(environment["AEFLOW_HOME"]).exists()


def test_service_without_postgres_lives_through_kills_and_stops_without_a_trace(environment):
    home = Path(environment["AEFLOW_HOME"])
    up = service_command("up", environment)
    assert up.returncode == 0, up.stderr
    assert "aeflow is running on SQLite" in up.stdout
    assert oct((home / "secrets").stat().st_mode) == "0o100600"

    # The supervisor itself is killed. The next `up` ends its leftover processes and starts again.
    psutil.Process(int(json.loads((home / "service.lock").read_text())["pid"])).kill()
    leftovers = ours(environment)
    assert len(leftovers) >= 4
    again = service_command("up", environment)
    assert again.returncode == 0, again.stderr
    assert not any(process.is_running() for process in leftovers)

    start = time.monotonic()
    down = service_command("down", environment)
    assert re.fullmatch(r"aeflow stopped in \d+ s\.\n", down.stdout)
    assert time.monotonic() - start < 30
    assert ours(environment) == []
    assert service_command("down", environment).stdout == "aeflow is not running.\n"
    assert not (home / "service.json").exists()
