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


def started(root: Path, given: dict, *, machines: list[str], index: int) -> subprocess.Popen[str]:
    """Starts the process of one machine."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stages.training.test_machines", str(root), json.dumps(given)],
        env={**os.environ, "TF_CONFIG": task_of(machines, index)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(root: Path, *given: dict) -> list[subprocess.Popen[str]]:
    """Starts one process per machine, each with its own options."""
    machines = addresses(len(given))
    return [started(root, each, machines=machines, index=index) for index, each in enumerate(given)]


def ended(processes: list[subprocess.Popen[str]]) -> list[dict]:
    """Waits for processes; returns the result that each prints, empty for a killed one."""
    said = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), err
        said.append(json.loads(out.splitlines()[-1]) if process.returncode == 0 else {})
    return said


def trained(root: Path, given: dict) -> dict:
    """Trains on digits; returns weights, digest and runtime, or the error that it ends with."""
    store = Store(root)

    def watch(progress) -> None:
        if progress.done >= given.get("kill_at", NEVER):
            os.kill(os.getpid(), signal.SIGKILL)
        if progress.done >= given.get("stop_at", NEVER):
            raise Interrupted("enough")

    try:
        runtime = {"steps_per_call": 3, "checkpoint_epochs": 1, **given.get("runtime", {})}
        made = train(
            Context(store, RuntimeConfig.model_validate(runtime), watch),
            ingest(Context(store), IngestConfig()),
            TrainConfig.model_validate({"epochs": 2, **given.get("train", {})}),
            model_config=ModelConfig.model_validate({"latent_dim": 8, **given.get("model", {})}),
        )
    except AeflowError as error:
        return {"error": type(error).__name__, "said": str(error)}
    return {"model": made.to_json(), "runtime": store.manifest(made.address).runtime}


def weights(said: dict, root: Path) -> list[np.ndarray]:
    """Returns the arrays of the model that a process trained."""
    model = load_model(Model.model_validate(said["model"]), Store(root), cpu="any")
    return [variable.numpy() for variable in model.variables]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Returns the folder in which two machines train without interruption."""
    return tmp_path_factory.mktemp("unbroken")


@pytest.fixture(scope="module")
def unbroken(root) -> dict:
    """Returns the result of the chief there."""
    chief, _ = ended(start(root, DENOISING, DENOISING))
    return chief


@pytest.mark.parametrize("given", [CLIPPED, AVERAGED], ids=["clipped", "averaged"])
def test_two_machines_reach_the_weights_of_one(tmp_path, given):
    one = trained(tmp_path / "one", given)
    chief, follower = ended(start(tmp_path / "two", given, given))
    assert (one["runtime"]["num_machines"], chief["runtime"]["num_machines"]) == (1, 2)
    assert chief["model"] == follower["model"]
    pairs = zip(weights(one, tmp_path / "one"), weights(chief, tmp_path / "two"), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("chief", "follower"), [({}, {"kill_at": 16}), ({"kill_at": 16}, {})])
def test_killed_in_an_epoch_they_go_on_from_the_checkpoint(chief, follower, unbroken, tmp_path):
    said = ended(start(tmp_path, DENOISING | chief, DENOISING | follower))
    assert [each.get("error") for each in said if each] == ["LostMachine"]
    chief, follower = ended(start(tmp_path, DENOISING, DENOISING))
    assert chief["model"] == follower["model"] == unbroken["model"]


@pytest.mark.parametrize("step", [12, 16])  # between an epoch and its validation, and within one
def test_stopped_on_one_they_stop_on_both(unbroken, tmp_path, step):
    said = ended(start(tmp_path, DENOISING, DENOISING | {"stop_at": step}))
    assert [each["error"] for each in said] == ["Interrupted", "Interrupted"]
    (checkpoint,) = tmp_path.glob("models/*.partial/_work/checkpoint.npz")
    with np.load(checkpoint) as arrays:
        assert json.loads(arrays["state"].tobytes())["step"] >= step
    chief, follower = ended(start(tmp_path, DENOISING, DENOISING))
    assert chief["model"] == follower["model"] == unbroken["model"]


def test_a_stored_answer_is_returned_without_waiting_for_the_chief(unbroken, root):
    late = started(root, DENOISING, machines=addresses(2), index=1)
    assert ended([late])[0]["model"] == unbroken["model"]


if __name__ == "__main__":
    print(json.dumps(trained(Path(sys.argv[1]), json.loads(sys.argv[2]))))
