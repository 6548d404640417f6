"""Programs whose reader ends first, such as `head`: they end quietly, as if by SIGPIPE."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
COMMAND_LINE = (sys.executable, "-c", MAIN)


@pytest.mark.parametrize(
    "command",
    [
        (*COMMAND_LINE, "config"),
        (*COMMAND_LINE, "--help"),
        (*COMMAND_LINE, "models"),
        (*COMMAND_LINE, "ingest", "--direct", "--source", "digits"),
        (sys.executable, "-m", "infra.service", "status"),
    ],
    ids=lambda command: command[3],
)
def test_program_whose_output_is_not_read_ends_quietly(command: tuple[str, ...], tmp_path: Path):
    code, errors = run_unread(command, tmp_path)
    assert (code, [line for line in errors.splitlines() if "ingest: " not in line]) == (141, [])


def test_run_whose_progress_is_not_read_ends_quietly(tmp_path: Path):
    command = (*COMMAND_LINE, "ingest", "--direct", "--source", "digits")
    assert run_unread(command, tmp_path, stderr=subprocess.STDOUT) == (141, None)


def run_unread(
    command: tuple[str, ...], folder: Path, stderr: int = subprocess.PIPE
) -> tuple[int, str | None]:
    """Runs a command whose standard output nobody reads; returns how it ended, and its errors."""
    reading, writing = os.pipe()
    os.close(reading)
    places = {"AEFLOW_STORE": str(folder / "store"), "AEFLOW_HOME": str(folder / "home")}
    try:
        done = subprocess.run(
            command,
            stdout=writing,
            stderr=stderr,
            env={**os.environ, **places},
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr
