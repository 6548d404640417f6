"""Ctrl-C and SIGTERM stop a run with its work kept; the same command then goes on."""

import re
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
TRAIN = [sys.executable, "-c", PROGRAM, "train", "--direct", "--epochs", "50000"]


def stopped(store: Path, number: signal.Signals, *, at: str) -> tuple[int, list[str]]:
    """Trains until a line of progress matches, sends the signal, returns how it ended."""
    command = [*TRAIN, "--store", str(store)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line.strip())
            if re.match(at, line):
                process.send_signal(number)
        return process.wait(), lines


def test_stopped_training_continues_from_its_checkpoint(tmp_path: Path):
    store = tmp_path / "store"
    some_steps = r"train: [1-9]"
    code, lines = stopped(store, signal.SIGINT, at=some_steps)
    assert code == 130
    assert re.fullmatch(
        r"aeflow: Stopped\. Kept in .*/store: models/\w+\.partial\. "
        r"Run the same command again to go on from there\.",
        lines[-1],
    )
    assert [line for line in lines[:-1] if not re.match(r"(train|ingest): ", line)] == []

    code, lines = stopped(store, signal.SIGTERM, at="train: ")
    assert code == 143
    assert re.match(some_steps, lines[0])
