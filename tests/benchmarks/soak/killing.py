"""Kills stages at random moments, starts them again, and compares every byte."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["soak"]

STAGES = """
import sys
from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.encoding import encode
from aeflow.ingestion import ingest
from aeflow.storage import Store
from aeflow.training import train

store = Store(sys.argv[1])
dataset = ingest(IngestConfig(shard_bytes=2048), store)
model = train(dataset, TrainConfig(epochs=200), store, model_config=ModelConfig(latent_dim=8))
encode(model, EncodeConfig(), store, dataset=dataset)
"""


def soak(seconds: float) -> None:
    """Repeats: start the stages, kill them at a random moment, until they end; then compare."""
    with tempfile.TemporaryDirectory() as folder:
        expected_root, root = Path(folder) / "unbroken", Path(folder) / "killed"
        start = time.monotonic()
        _run(expected_root, seconds=None)
        longest = time.monotonic() - start
        expected, kills, rounds = _content(expected_root), 0, 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            shutil.rmtree(root, ignore_errors=True)
            while not _run(root, seconds=random.uniform(0.3, 1.1) * longest):
                kills += 1
            if _content(root) != expected:
                raise SystemExit(f"Round {rounds} after {kills} kills: the bytes differ.")
            rounds += 1
        print(f"{rounds} rounds with {kills} kills: every byte as in the unbroken run.")


def _run(root: Path, *, seconds: float | None) -> bool:
    """Runs the stages, killed after some seconds; says whether they came to their end."""
    process = subprocess.Popen([sys.executable, "-c", STAGES, root], stderr=subprocess.DEVNULL)
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def _content(root: Path) -> dict[str, bytes]:
    """Returns all committed files but manifests, which hold times, and live logs."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "_manifest.json" and "logs" not in path.parts
    }
