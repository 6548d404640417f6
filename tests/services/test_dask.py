"""Encoding on the workers of a Dask scheduler: every row once, even if a worker is killed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from aeflow.artifacts import Dataset, Model
from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.services.running_service import until
from tests.source_code import ROOT

BIN = ROOT / ".venv" / "bin"
PRELOADED = ("--preload", "aeflow.stages.encoding")
DEADLY = "train-00003.arrow"
PRELOAD = f"""
import os, signal, sys

def die(event, arguments):
    if event == "open" and str(arguments[0]).endswith("{DEADLY}"):
        os.kill(os.getpid(), signal.SIGKILL)

def dask_setup(worker):
    sys.addaudithook(die)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> tuple[Path, Dataset, Model]:
    """A store with the digits in a dozen shards, its dataset, and a model."""
    root = tmp_path_factory.mktemp("dask") / "store"
    dataset = ingest(Context(Store(root)), IngestConfig(shard_bytes=16384))
    config = ModelConfig(latent_dim=8)
    return (
        root,
        dataset,
        train(Context(Store(root)), dataset, TrainConfig(epochs=2), model_config=config),
    )


@pytest.fixture
def store(prepared, tmp_path) -> Path:
    """A copy of the store without features. New workers have not yet loaded a model from it."""
    return shutil.copytree(prepared[0], tmp_path / "store")


@contextmanager
def dask(folder: Path, *options: str) -> Iterator[str]:
    """Starts a scheduler and two workers; yields the scheduler's address."""
    settings = {
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
        "PREFECT_HOME": str(folder / "prefect"),
    }
    scheduler_file = folder / "scheduler.json"
    connection_options = ["--scheduler-file", str(scheduler_file), "--no-dashboard"]
    commands = [
        ["scheduler", "--host", "127.0.0.1", "--port", "0", *connection_options],
        ["worker", "--nworkers", "2", "--nthreads", "1", *PRELOADED, *connection_options, *options],
    ]
    processes = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.log").open("wb") as log:
                processes.append(
                    psutil.Popen(
                        [BIN / "dask", *command],
                        cwd=folder,
                        env=os.environ | settings,
                        stdout=log,
                        stderr=log,
                    )
                )
            until(scheduler_file.is_file, 60)
        yield json.loads(scheduler_file.read_text())["address"]
    finally:
        for process in reversed(processes):
            family = [*process.children(recursive=True), process]
            process.terminate()
            psutil.wait_procs(family, timeout=20)
            for one in family:
                if one.is_running():
                    one.kill()


def encode(store: Path, model: Model, dataset: Dataset, *options: str) -> subprocess.Popen:
    command = [BIN / "aeflow", "encode", "--model", model.key, "--store", store, "--json"]
    home = {"PREFECT_HOME": str(store.parent / "prefect")}
    return subprocess.Popen(
        [*command, *options],
        env=os.environ | home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(log: Path) -> list[psutil.Process]:
    """Returns the processes that encode, which are children of the two nannies."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if "spawn_main" in " ".join(process.info["cmdline"] or ())
        and process.info["cwd"] == str(log.parent)
    ]


def shards_done(store: Path) -> int:
    return len(list(store.glob("features/*.partial/split=*/*.parquet")))


def test_features_are_byte_for_byte_those_of_one_process(prepared, store, tmp_path):
    _, dataset, model = prepared
    with dask(tmp_path) as address:
        spread = encode(store, model, dataset, "--dask", address)
        out, err = spread.communicate(timeout=300)
    assert spread.returncode == 0, err
    features = json.loads(out.splitlines()[-1])["features"]
    manifest = json.loads((Path(features["path"]) / "_manifest.json").read_text())
    assert manifest["runtime"]["dask"] == address
    shutil.rmtree(store / "features")
    alone = encode(store, model, dataset, "--direct")
    out, err = alone.communicate(timeout=300)
    assert json.loads(out.splitlines()[-1])["features"] == features
    again = json.loads((Path(features["path"]) / "_manifest.json").read_text())
    assert again["digest"] == manifest["digest"]


def test_worker_that_is_killed_costs_no_row(prepared, store, tmp_path):
    _, dataset, model = prepared
    with dask(tmp_path) as address:
        spread = encode(store, model, dataset, "--dask", address)
        until(lambda: shards_done(store) > 0, 240)
        workers(tmp_path / "worker.log")[0].send_signal(signal.SIGKILL)
        out, err = spread.communicate(timeout=300)
    assert spread.returncode == 0, err
    features = json.loads(out.splitlines()[-1])["features"]
    ids = pq.read_table(features["path"], columns=["id"])["id"]
    assert len(ids) == len(ids.unique()) == 1797


def test_shard_that_kills_every_worker_is_named_and_the_others_are_done(prepared, store, tmp_path):
    _, dataset, model = prepared
    (tmp_path / "deadly.py").write_text(PRELOAD)
    with dask(tmp_path, "--preload", "deadly.py") as address:
        spread = encode(store, model, dataset, "--dask", address)
        _, err = spread.communicate(timeout=500)
    assert spread.returncode == 1
    line = err.splitlines()[-1]
    assert f"groups of shards failed on {address}: {DEADLY}. The other groups are encoded." in line
    total = len(list(store.glob("datasets/*/*.arrow")))
    assert shards_done(store) == total - 1


@pytest.mark.parametrize(
    ("options", "code", "remedy"),
    [(["--direct"], 2, "Leave out --direct."), ([], 1, "or leave out --dask.")],
)
def test_wrong_address_is_one_line(options, code, remedy, prepared, store, tmp_path):
    _, dataset, model = prepared
    command = encode(store, model, dataset, "--dask", "tcp://127.0.0.1:9", *options)
    _, err = command.communicate(timeout=300)
    assert command.returncode == code
    assert err.splitlines()[-1].endswith(remedy)
    assert "Traceback" not in err
