"""Fixtures: commands in their own processes, as a user runs them, and a service for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.running_service import RunningService, running

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
    """The service with default settings, except for its ports."""
    with running() as shared_service:
        yield shared_service
