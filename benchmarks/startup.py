"""Costs of starting: seconds and CPU time of whole commands, and seconds of a run's stages.

`python -m benchmarks.startup` runs each command three times, in turn.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["main"]

ROUNDS = 3
PYTHON = sys.executable
AEFLOW = str(Path(PYTHON).with_name("aeflow"))
COMMANDS = {
    "aeflow --help": [AEFLOW, "--help"],
    "python -c 'import tensorflow'": [PYTHON, "-c", "import tensorflow"],
    "python -c 'import prefect.flows'": [PYTHON, "-c", "import prefect.flows"],
    "aeflow run --direct": [AEFLOW, "run", "--direct"],
    "aeflow run": [AEFLOW, "run"],
}


def main() -> None:
    """Prints medians of all commands, and the seconds of each stage in the last run."""
    costs_of: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    stages: list[tuple[str, float]] = []
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            with tempfile.TemporaryDirectory() as folder:
                costs_of[name].append(_run(command, Path(folder)))
                stages = _stages(Path(folder))
    print("| command | seconds | seconds of processor time |\n|---|---|---|")
    for name, costs in costs_of.items():
        wall, cpu = (statistics.median(column) for column in zip(*costs, strict=True))
        print(f"| `{name}` | {wall:.1f} | {cpu:.1f} |")
    print("\nStages, in seconds:", ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages))


def _run(command: list[str], folder: Path) -> tuple[float, float]:
    """Runs a command in a folder with its own home and server; returns wall and CPU seconds."""
    homes = {"HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect")}
    start, before = time.monotonic(), _children()
    subprocess.run(command, cwd=folder, env=os.environ | homes, capture_output=True, check=True)
    return time.monotonic() - start, _children() - before


def _children() -> float:
    """Returns the CPU time, user and system, of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _stages(folder: Path) -> list[tuple[str, float]]:
    """Returns the stages of a run with the seconds in their manifests."""
    manifests = [json.loads(path.read_bytes()) for path in folder.glob("*/*/*/_manifest.json")]
    manifests.sort(key=lambda manifest: manifest["created"])
    return [(manifest["stage"], manifest["seconds"]) for manifest in manifests]


if __name__ == "__main__":
    main()
