"""Trains every kind on every network from several seeds; all must learn and resume exactly."""

import os
import subprocess
import sys

from infra.parts import ROOT

__all__ = ["soak"]

CONTRACTS = "tests/models/test_kinds_and_networks.py"


def soak(seeds: int) -> None:
    """Runs a test of `make test` with `seeds` seeds, prints its last line, exits if one fails."""
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "a_short_training", CONTRACTS],
        cwd=ROOT,
        env={**os.environ, "AEFLOW_TEST_SEEDS": str(seeds)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = process.stdout.splitlines()
    if process.returncode:
        raise SystemExit("\n".join(line for line in lines if line.startswith("FAILED")))
    print(f"{seeds} seeds: {lines[-1]}", flush=True)
