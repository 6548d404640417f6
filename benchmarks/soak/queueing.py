"""Queues many encode runs on two workers of a real service, and checks the result of each."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from uuid import UUID

import numpy as np
import psutil
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from sklearn.datasets import load_digits

from aeflow.artifacts import Dataset, FeatureSet
from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.features.contract import read_features
from aeflow.lineage import Manifest
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of
from benchmarks.soak.measuring import database_mib, delay, scheduled_runs, server_mib
from infra.parts import ROOT
from tests.services.running_service import RunningService, running, until

__all__ = ["soak"]

SOURCES_A_MODEL = 10
SECONDS_A_RUN = 120
LONGEST_DELAY_SECONDS = 10.0


def soak(runs: int) -> None:
    """Queues the runs, waits for all, and prints one table. Exits if a run went wrong."""
    with running(AEFLOW_POOLS="cpu") as service, _second_worker(service):
        sources = _sources(service, min(runs, SOURCES_A_MODEL))
        models = _models(service, -(-runs // len(sources)), sources[0])
        pairs = list(product(models, sources))[:runs]
        database, memory = database_mib(service), server_mib(service)
        start = time.monotonic()
        queued = [_queue(service, model, source) for model, source in pairs]
        peak = _wait(service, queued)
        seconds = time.monotonic() - start
        rows, shares = _check(service, queued, pairs), _shares(service, queued)
        after = f"{database_mib(service):.1f} MiB"
        delays = _delays(service)
        table = {
            "runs Completed in their first attempt": f"{runs}",
            "feature sets, each id of each dataset once": f"{runs}, {rows:,} rows",
            "carried out by": shares,
            "from the first queued to the last ended": f"{seconds:.0f} s",
            "database, before and after": f"{database:.1f} and {after}",
            "memory of the server: before, at most, after": f"{memory:.0f}, {peak:.0f}, "
            f"{server_mib(service):.0f} MiB",
            "scheduled runs at the end began, s after they were due": delays,
        }
    print("\n".join(["| queue of encode runs | |", "|---|---|"]))
    print("\n".join(f"| {name} | {value} |" for name, value in table.items()))


@contextmanager
def _second_worker(service: RunningService) -> Iterator[None]:
    """Starts another worker of the pool, like a second machine."""
    first = psutil.Process(service.pid("worker-cpu"))
    command = (sys.executable, "-m", "infra.worker", "cpu", "--name", "cpu-second")
    with (service.home / "logs" / "worker-second.log").open("wb") as log:
        second = subprocess.Popen(command, cwd=ROOT, env=first.environ(), stdout=log, stderr=log)
        try:
            until(lambda: len(_workers(service)) == 2, 120)
            yield
        finally:
            second.terminate()
            second.wait(60)


def _workers(service: RunningService) -> list[str]:
    answer = service.client.request("POST", "/work_pools/cpu/workers/filter", json={})
    return [worker["name"] for worker in answer.json()]


def _sources(service: RunningService, count: int) -> list[str]:
    """Writes sources with different rows that are not ingested yet."""
    images = load_digits().images.astype(np.uint8)
    paths = [service.home.parent / f"part{number}.npz" for number in range(count)]
    for number, path in enumerate(paths):
        np.savez(path, x_train=images[number : 400 + 100 * number])
    return [f"npz:{path}" for path in paths]


def _models(service: RunningService, count: int, source: str) -> list[str]:
    """Trains small models; returns their addresses."""
    store, once = Store(service.store), TrainConfig(epochs=1)
    digits = ingest(Context(store), IngestConfig(source=source))
    configs = [ModelConfig(latent_dim=2 + number) for number in range(count)]
    return [train(Context(store), digits, once, model_config=config).address for config in configs]


def _queue(service: RunningService, model: str, source: str) -> UUID:
    return service.start("encode-dataset/encode-once", {"ingest": {"source": source}}, model=model)


def _read(service: RunningService, queued: list[UUID]) -> list[FlowRun]:
    run_filter = FlowRunFilter(id=FlowRunFilterId(any_=queued))
    return service.client.read_flow_runs(flow_run_filter=run_filter)


def _wait(service: RunningService, queued: list[UUID]) -> float:
    """Waits until all runs have ended; returns the server's peak memory meanwhile, in MiB."""
    end, peak = time.monotonic() + SECONDS_A_RUN * len(queued), 0.0
    while not all(run.state and run.state.is_final() for run in _read(service, queued)):
        peak = max(peak, server_mib(service))
        if time.monotonic() > end:
            raise SystemExit(f"The queue is not empty after {SECONDS_A_RUN} s a run.")
        time.sleep(2)
    return peak


def _check(service: RunningService, queued: list[UUID], pairs: list[tuple[str, str]]) -> int:
    """Returns the number of rows. Exits if a run, a feature set or a row is not as expected."""
    for run in _read(service, queued):
        if (run.state_type, run.run_count) != (StateType.COMPLETED, 1):
            message = run.state.message if run.state else ""
            raise SystemExit(f"{run.state_name} in attempt {run.run_count}: {message}")
    store = Store(service.store)
    manifests = manifests_of(FeatureSet, store)
    names = sorted((_input(one, "model"), _dataset(one, store).name) for one in manifests)
    if names != sorted((model, Path(source).stem) for model, source in pairs):
        raise SystemExit(f"Expected were {pairs}, but the feature sets are {names}.")
    if drafts := list(service.store.glob("*/*.partial")):
        raise SystemExit(f"Unfinished drafts are left: {drafts}.")
    return sum(_rows(manifest, store) for manifest in manifests)


def _input(features: Manifest, name: str) -> str:
    return features.question.inputs[name].address


def _dataset(features: Manifest, store: Store) -> Dataset:
    return Dataset.model_validate(store.manifest(_input(features, "dataset")).artifact)


def _rows(features: Manifest, store: Store) -> int:
    """Returns the rows of a feature set. Exits if its ids are not those of its dataset."""
    answer, dataset = FeatureSet.model_validate(features.artifact), _dataset(features, store)
    ids = read_features(store.locate(answer))["id"].to_pylist()
    expected_ids = [i for shard in open_split(dataset, "all", store) for i in shard.ids.to_pylist()]
    if Counter(ids) != Counter(expected_ids) or len(set(ids)) != len(ids):
        raise SystemExit(
            f"{answer.address} has {len(ids)} rows for {len(expected_ids)} of its dataset."
        )
    return len(ids)


def _shares(service: RunningService, queued: list[UUID]) -> str:
    counts = Counter(str(run.labels.get("prefect.worker.name")) for run in _read(service, queued))
    if len(counts) != 2:
        raise SystemExit(f"There were two workers, but the runs went to: {dict(counts)}.")
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))


def _delays(service: RunningService) -> str:
    """Returns the delays of the scheduled runs. Exits if one began too late."""
    delays = sorted(delay(service, run, "Running") for run in scheduled_runs(service))
    if delays[-1] > LONGEST_DELAY_SECONDS:
        raise SystemExit(f"A scheduled run began {delays[-1]:.1f} s after it was due.")
    return ", ".join(f"{seconds:.1f}" for seconds in delays)
