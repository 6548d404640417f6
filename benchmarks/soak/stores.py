"""The stores of a soak, locally and on S3: runs stages in them and compares their content."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import ObjectStore, from_url

from tests.services.seaweed import Seaweed

__all__ = ["Place", "places"]

STAGES = """
import sys
from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages import Context
from aeflow.storage import Store
from aeflow.stages.training import train

store = Store(sys.argv[1])
context = Context(store)
print("ready", flush=True)
sys.stdin.readline()
dataset = ingest(context, IngestConfig(shard_bytes=2048))
model = train(context, dataset, TrainConfig(epochs=20), model_config=ModelConfig(latent_dim=8))
features = encode(context, model, EncodeConfig(), dataset=dataset)
problems = [p for made in (dataset, model, features) for p in store.verify(made.key)]
sys.exit("; ".join(problems) or 0)
"""
MUTABLE = ("_manifest.json", ".alias.json")


class Place(NamedTuple):
    """Names a location for stores, and the environment to access them with."""

    url: str
    environment: dict[str, str]

    def __str__(self) -> str:
        return self.url.partition(":")[0]

    def started(self, name: str) -> subprocess.Popen:
        """Starts a process that runs the stages in a store after it has read a line on stdin."""
        process = subprocess.Popen(
            [sys.executable, "-c", STAGES, f"{self.url}/{name}".removeprefix("file://")],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        process.stdout.readline()
        return process

    def content(self, name: str) -> dict[str, bytes]:
        """Returns all files by name, except live logs and uses; files that hold times are empty."""
        store = _opened(f"{self.url}/{name}", self.environment)
        names = [meta["path"] for meta in obstore.list(store).collect()]
        return {
            name: b"" if name.endswith(MUTABLE) else bytes(obstore.get(store, name).bytes())
            for name in names
            if not name.startswith("logs/") and not name.endswith("/_used")
        }

    def unbroken(self) -> dict[str, bytes]:
        """Returns the files of one uninterrupted run. Exits if it fails."""
        process = self.started("unbroken")
        process.communicate("go\n")
        if process.returncode != 0:
            raise SystemExit(f"The uninterrupted run exited with {process.returncode}.")
        return self.content("unbroken")

    def compare(self, name: str, expected: dict[str, bytes], when: str) -> None:
        """Exits if a store contains other files or other bytes than expected."""
        content = self.content(name)
        if content.keys() != expected.keys():
            raise SystemExit(f"{when}: other files: {sorted(content.keys() ^ expected.keys())[:5]}")
        different = [name for name in expected if content[name] != expected[name]]
        if different:
            raise SystemExit(f"{when}: other bytes in {different[:5]}")


def places() -> Iterator[Place]:
    """Yields a local folder, then a bucket of an S3 server that runs meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        yield Place(f"file://{folder}/local", dict(os.environ))
    with tempfile.TemporaryDirectory() as folder:
        server = Seaweed(Path(folder))
        server.start()
        try:
            environment = server.environment(AWS_REGION="us-east-1")
            bucket = _opened("s3://soaked", environment)
            obstore.put(bucket, "beside", b"")  # creates the bucket
            yield Place("s3://soaked/stores", environment)
        finally:
            server.stop()


def _opened(url: str, environment: dict[str, str]) -> ObjectStore:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")
    if not url.startswith("s3:"):
        return from_url(url)
    config = {name: environment[name] for name in names}
    return from_url(url, config=config, client_options={"allow_http": True})
