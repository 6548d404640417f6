"""Kills stages at random moments, starts them again, and compares every byte; locally and on S3."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import ObjectStore, from_url

from tests.services.seaweed import Seaweed

__all__ = ["soak"]

STAGES = """
import sys
from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.encoding import encode
from aeflow.ingestion import ingest
from aeflow.storage import Store
from aeflow.training import train

store = Store(sys.argv[1])
print("ready", flush=True)
dataset = ingest(IngestConfig(shard_bytes=2048), store)
model = train(dataset, TrainConfig(epochs=20), store, model_config=ModelConfig(latent_dim=8))
features = encode(model, EncodeConfig(), store, dataset=dataset)
problems = [p for made in (dataset, model, features) for p in store.verify(made.key)]
sys.exit("; ".join(problems) or 0)
"""
MUTABLE = ("_manifest.json", ".alias.json")


class Run(NamedTuple):
    """Says how a run ended, and after how many seconds of work."""

    code: int
    seconds: float


def soak(kills: int) -> None:
    """Kills runs so many times in a local store, and as many times in one on S3.

    A round begins with an empty store and ends with the first run that nobody killed; what then
    lies there must be what an unbroken run leaves, byte for byte, and verify.
    """
    with tempfile.TemporaryDirectory() as folder:
        _survive(kills, f"file://{folder}/local", dict(os.environ))
    with tempfile.TemporaryDirectory() as folder:
        server = Seaweed(Path(folder))
        server.start()
        try:
            environment = server.environment(AWS_REGION="us-east-1")
            obstore.put(_place("s3://killed", environment), "beside", b"")  # makes the bucket
            _survive(kills, "s3://killed/stores", environment)
        finally:
            server.stop()


def _survive(kills: int, stores: str, environment: dict[str, str]) -> None:
    start = time.monotonic()
    unbroken = _run(f"{stores}/unbroken", environment)
    if unbroken.code != 0:
        raise SystemExit(f"The unbroken run ended with {unbroken.code}.")
    expected = _content(f"{stores}/unbroken", environment)
    done, rounds = 0, 0
    while done < kills:
        store = f"{stores}/{rounds}"
        while True:
            limit = random.uniform(0, unbroken.seconds) if done < kills else None
            ended = _run(store, environment, limit)
            if ended.code == 0:
                break
            if ended.code != -signal.SIGKILL:
                raise SystemExit(f"After {done} kills a run ended with {ended.code}.")
            done += 1
        _compare(_content(store, environment), expected, f"Round {rounds}, {done} kills")
        rounds += 1
    minutes = (time.monotonic() - start) / 60
    print(
        f"{stores.partition(':')[0]}: {done} kills in {rounds} rounds, {minutes:.1f} min: "
        f"{len(expected)} files, every byte as in the unbroken run, nothing beside them, all sound."
    )


def _compare(found: dict[str, bytes], expected: dict[str, bytes], where: str) -> None:
    if found.keys() != expected.keys():
        raise SystemExit(f"{where}: other files: {sorted(found.keys() ^ expected.keys())[:5]}")
    different = [name for name in expected if found[name] != expected[name]]
    if different:
        raise SystemExit(f"{where}: other bytes in {different[:5]}")


def _run(store: str, environment: dict[str, str], limit: float | None = None) -> Run:
    """Runs the stages, killed where they work for longer than `limit` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", STAGES, store.removeprefix("file://")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    start = time.monotonic()
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return Run(process.returncode, time.monotonic() - start)


def _content(store: str, environment: dict[str, str]) -> dict[str, bytes]:
    """Returns all files by name, those that hold times with nothing in them; no live logs."""
    place = _place(store, environment)
    found = [meta["path"] for meta in obstore.list(place).collect()]
    return {
        name: b"" if name.endswith(MUTABLE) else bytes(obstore.get(place, name).bytes())
        for name in found
        if not name.startswith("logs/")
    }


def _place(url: str, environment: dict[str, str]) -> ObjectStore:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")
    if not url.startswith("s3:"):
        return from_url(url)
    config = {name: environment[name] for name in names}
    return from_url(url, config=config, client_options={"allow_http": True})
