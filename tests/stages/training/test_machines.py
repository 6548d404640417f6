"""Training on several machines: separate processes that `TF_CONFIG` makes one cluster."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aeflow.artifacts import Model
from aeflow.compute.cluster import task_of
from aeflow.configs import IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import AeflowError, Interrupted
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.clusters import addresses

CLIPPED = {"train": {"optimizer": "muon", "clip_norm": 0.01}}
AVERAGED = {"train": {"ema_momentum": 0.9}}
DENOISING = {"model": {"kind": {"name": "denoising"}}}
NEVER = 10**9


def start_one(
    root: Path, options: dict, *, machines: list[str], index: int
) -> subprocess.Popen[str]:
    """Starts the process of one machine."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.stages.training.test_machines",
            str(root),
            json.dumps(options),
        ],
        env={**os.environ, "TF_CONFIG": task_of(machines, index)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(root: Path, *options: dict) -> list[subprocess.Popen[str]]:
    """Starts one process per machine, each with its own options."""
    machines = addresses(len(options))
    return [
        start_one(root, each, machines=machines, index=index) for index, each in enumerate(options)
    ]


def results_of(processes: list[subprocess.Popen[str]]) -> list[dict]:
    """Waits for processes; returns the result that each prints, empty for a killed one."""
    results = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), err
        results.append(json.loads(out.splitlines()[-1]) if process.returncode == 0 else {})
    return results


def trained(root: Path, options: dict) -> dict:
    """Trains on digits; returns weights, digest and runtime, or the error that it ends with."""
    store = Store(root)

    def watch(progress) -> None:
        if progress.done >= options.get("kill_at", NEVER):
            os.kill(os.getpid(), signal.SIGKILL)
        if progress.done >= options.get("stop_at", NEVER):
            raise Interrupted("enough")

    try:
        runtime = {"steps_per_call": 3, "checkpoint_epochs": 1, **options.get("runtime", {})}
        trained_model = train(
            Context(store, RuntimeConfig.model_validate(runtime), watch),
            ingest(Context(store), IngestConfig()),
            TrainConfig.model_validate({"epochs": 2, **options.get("train", {})}),
            model_config=ModelConfig.model_validate({"latent_dim": 8, **options.get("model", {})}),
        )
    except AeflowError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {
        "model": trained_model.to_json(),
        "runtime": store.manifest(trained_model.address).runtime,
    }


def weights(result: dict, root: Path) -> list[np.ndarray]:
    """Returns the arrays of the model that a process trained."""
    model = load_model(Model.model_validate(result["model"]), Store(root), cpu="any")
    return [variable.numpy() for variable in model.variables]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Returns the folder in which two machines train without interruption."""
    return tmp_path_factory.mktemp("unbroken")


@pytest.fixture(scope="module")
def unbroken(root) -> dict:
    """Returns the result of the chief there."""
    chief, _ = results_of(start(root, DENOISING, DENOISING))
    return chief


@pytest.mark.parametrize("options", [CLIPPED, AVERAGED], ids=["clipped", "averaged"])
def test_two_machines_reach_the_weights_of_one(tmp_path, options):
    one = trained(tmp_path / "one", options)
    chief, follower = results_of(start(tmp_path / "two", options, options))
    assert (one["runtime"]["num_machines"], chief["runtime"]["num_machines"]) == (1, 2)
    assert chief["model"] == follower["model"]
    pairs = zip(weights(one, tmp_path / "one"), weights(chief, tmp_path / "two"), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("chief", "follower"), [({}, {"kill_at": 16}), ({"kill_at": 16}, {})])
def test_killed_in_an_epoch_they_go_on_from_the_checkpoint(chief, follower, unbroken, tmp_path):
    results = results_of(start(tmp_path, DENOISING | chief, DENOISING | follower))
    assert [each.get("error") for each in results if each] == ["LostMachine"]
    chief, follower = results_of(start(tmp_path, DENOISING, DENOISING))
    assert chief["model"] == follower["model"] == unbroken["model"]


@pytest.mark.parametrize("step", [12, 16])  # between an epoch and its validation, and within one
def test_stopped_on_one_they_stop_on_both(unbroken, tmp_path, step):
    results = results_of(start(tmp_path, DENOISING, DENOISING | {"stop_at": step}))
    assert [each["error"] for each in results] == ["Interrupted", "Interrupted"]
    (checkpoint,) = tmp_path.glob("models/*.partial/_work/checkpoint.npz")
    with np.load(checkpoint) as arrays:
        assert json.loads(arrays["state"].tobytes())["step"] >= step
    chief, follower = results_of(start(tmp_path, DENOISING, DENOISING))
    assert chief["model"] == follower["model"] == unbroken["model"]


def test_a_stored_answer_is_returned_without_waiting_for_the_chief(unbroken, root):
    late = start_one(root, DENOISING, machines=addresses(2), index=1)
    assert results_of([late])[0]["model"] == unbroken["model"]


if __name__ == "__main__":
    print(json.dumps(trained(Path(sys.argv[1]), json.loads(sys.argv[2]))))
