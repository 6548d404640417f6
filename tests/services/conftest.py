"""Commands as a user gives them, in a process of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
