"""Commands as a user gives them, in processes of their own; a service that all tests share."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from infra.processes import marked
from tests.services.running_service import (
    PLANTED,
    RunningService,
    new_environment,
    service_command,
)

AEFLOW = Path(sys.executable).with_name("aeflow")

RunCommand = Callable[..., dict]


@pytest.fixture(scope="session")
def run_aeflow(tmp_path_factory) -> RunCommand:
    """Runs `aeflow` with its own Prefect home, and returns the JSON in its last line."""
    home = tmp_path_factory.mktemp("prefect")
    environment = {**os.environ, "PREFECT_HOME": str(home)}

    def run(*arguments: object) -> dict:
        done = subprocess.run(
            [AEFLOW, *map(str, arguments), "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def service() -> Iterator[RunningService]:
    """The service, as it is with no settings but its ports."""
    with running() as found:
        yield found


@contextmanager
def running(**more: str) -> Iterator[RunningService]:
    """Runs a service with secrets that we know; at the end it stops and leaves no process."""
    folder = Path(tempfile.mkdtemp(prefix="aeflow-"))
    folder.chmod(0o711)  # as root starts it, PostgreSQL runs as another user, who must get in
    environment = new_environment(folder) | more
    home = folder / "home"
    home.mkdir(mode=0o711)
    (home / "secrets").write_text("".join(f"{name}={value}\n" for name, value in PLANTED.items()))
    (home / "secrets").chmod(0o600)
    try:
        up = service_command("up", environment)
        assert up.returncode == 0, up.stderr + up.stdout
        assert "aeflow runs, on PostgreSQL" in up.stdout
        settings = {
            PREFECT_API_URL: f"http://127.0.0.1:{environment['AEFLOW_PORT']}/api",
            PREFECT_API_AUTH_STRING: PLANTED["PREFECT_API_AUTH_STRING"],
            PREFECT_CLIENT_MAX_RETRIES: 0,
        }
        with temporary_settings(settings), get_client(sync_client=True) as client:
            yield RunningService(home, environment, client)
    finally:
        down = service_command("down", environment)
        left = list(marked(home))
    assert (down.returncode, left) == (0, []), down.stderr
    shutil.rmtree(folder)
