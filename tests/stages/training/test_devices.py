"""Training on several devices of one machine: two virtual CPU devices, in a separate process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aeflow.configs import IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import AeflowError, Interrupted
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store

CLIPPED = {"optimizer": "muon", "clip_norm": 0.01}
AVERAGED = {"ema_momentum": 0.9}
DENOISING = {"kind": {"name": "denoising"}}


def trained(root: Path, num_devices: int, *, stop_at: int = 0, model=None, **options) -> dict:
    """Trains on digits; returns weights, digest and runtime, or the message of its error."""
    store = Store(root)

    def watch(progress) -> None:
        if stop_at and progress.done >= stop_at:
            raise Interrupted("enough")

    try:
        trained_model = train(
            Context(store, RuntimeConfig(num_devices=num_devices, steps_per_call=3), watch),
            ingest(Context(store), IngestConfig()),
            TrainConfig.model_validate({"epochs": 2, **options}),
            model_config=ModelConfig.model_validate({"latent_dim": 8, **(model or {})}),
        )
    except AeflowError as error:
        return {"message": str(error)}
    variables = load_model(trained_model, store, cpu="any").variables
    return {
        "weights": [variable.numpy().tolist() for variable in variables],
        "digest": trained_model.digest,
        "runtime": store.manifest(trained_model.address).runtime,
    }


@pytest.fixture(scope="module")
def on_two_devices(tmp_path_factory) -> dict[str, dict]:
    """Returns the results on two devices, by name. A process can divide its CPU only once."""
    root = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "tests.stages.training.test_devices", str(root)]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def train_all(root: Path) -> dict[str, dict]:
    """Trains on two devices everything that the tests check."""
    return {
        "clipped": trained(root / "clipped", 2, **CLIPPED),
        "averaged": trained(root / "averaged", 2, **AVERAGED),
        "unbroken": trained(root / "unbroken", 2, model=DENOISING),
        "broken": trained(root / "resumed", 2, model=DENOISING, stop_at=16),
        "resumed": trained(root / "resumed", 2, model=DENOISING),
        "unequal": trained(root / "unequal", 2, batch_size=127),
    }


@pytest.mark.parametrize(("name", "options"), [("clipped", CLIPPED), ("averaged", AVERAGED)])
def test_two_devices_reach_the_weights_of_one(on_two_devices, tmp_path, name, options):
    one, two = trained(tmp_path, 1, **options), on_two_devices[name]
    assert (one["runtime"]["num_devices"], two["runtime"]["num_devices"]) == (1, 2)
    for ours, theirs in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_interrupted_on_two_devices_it_ends_in_the_same_bytes(on_two_devices):
    assert on_two_devices["broken"] == {"message": "enough"}
    assert on_two_devices["resumed"]["digest"] == on_two_devices["unbroken"]["digest"]


def test_devices_that_cannot_share_a_batch_are_refused_in_one_line(on_two_devices):
    message = on_two_devices["unequal"]["message"]
    assert message.startswith("2 devices cannot share a batch of 127 rows equally. Choose")


if __name__ == "__main__":
    print(json.dumps(train_all(Path(sys.argv[1]))))
