"""Contenders as separate processes, each in its own environment, that work on command."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["PEERS", "Child", "python_of", "started"]

PEERS = Path(".peers")


class Child:
    """A contender's process, which answers each line on its input with a line of JSON."""

    def __init__(self, process: subprocess.Popen, errors: IO[bytes]):
        self._process = process
        self._errors = errors

    def work(self) -> tuple[float, float]:
        """Runs one round; returns wall-clock seconds and CPU seconds per row."""
        seconds = self._ask("work")
        return seconds["wall"], seconds["cpu"]

    def mse(self) -> float | None:
        """Returns the error that the model has reached, or None if the contender has no model."""
        return self._ask("mse")["mse"]

    def wait_until_warm(self) -> None:
        """Waits for the first round, which warms up and is not measured."""
        self._ask()

    def _ask(self, what: str = "") -> dict:
        assert self._process.stdin
        assert self._process.stdout
        if what:
            print(what, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            error_lines = self._errors.read().decode(errors="replace").splitlines()[-5:]
            raise SystemExit("\n".join([f"A contender ended: {self._process.args}", *error_lines]))
        return json.loads(answer)


@contextmanager
def started(module: str, environment: str | None, arguments: dict) -> Iterator[Child]:
    """Starts a contender with `arguments`, and yields it after its warm-up round."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [
                python_of(environment),
                "-m",
                f"benchmarks.contenders.{module}",
                json.dumps(arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            child = Child(process, errors)
            child.wait_until_warm()
            yield child
        finally:
            process.communicate(timeout=60)


def python_of(environment: str | None) -> Path:
    """Returns the interpreter of an environment in `.peers`, or this one."""
    return PEERS / environment / "bin" / "python" if environment else Path(sys.executable)
