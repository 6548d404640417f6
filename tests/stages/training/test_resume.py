"""A run that was killed or interrupted produces the same bytes as an uninterrupted one."""

import logging
import subprocess
import sys

import pytest

from aeflow.configs import (
    ConvolutionalOptions,
    DenoisingOptions,
    IngestConfig,
    ModelConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.errors import Interrupted
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store

CONFIG = TrainConfig(epochs=4)
MODELS = {
    "dense-plain": ModelConfig(latent_dim=8),
    "convolutional-denoising": ModelConfig(
        network=ConvolutionalOptions(filters=(8,)), kind=DenoisingOptions(), latent_dim=8
    ),
}
KILLED = """
import os, signal, sys
from aeflow.configs import IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.stages.ingestion import ingest
from aeflow.stages import Context
from aeflow.storage import Store
from aeflow.stages.training import train

def die(progress):
    if progress.done >= 30:
        os.kill(os.getpid(), signal.SIGKILL)

store = Store(sys.argv[1])
dataset = ingest(Context(store), IngestConfig())
runtime = RuntimeConfig(steps_per_call=5, checkpoint_epochs=1)
train(Context(store, runtime, die), dataset, TrainConfig(epochs=4),
      model_config=ModelConfig.model_validate_json(sys.argv[2]))
"""


def trained(
    store: Store, model_config: ModelConfig, *, config: TrainConfig = CONFIG, **options
) -> dict[str, bytes]:
    dataset = ingest(Context(store), IngestConfig())
    model = train(Context(store, **options), dataset, config, model_config=model_config)
    folder = store.locate(model)
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name != "_manifest.json"
    }


@pytest.mark.parametrize("name", MODELS)
def test_killed_with_9_and_run_again_ends_in_the_same_bytes(tmp_path, caplog, name):
    unbroken = trained(Store(tmp_path / "unbroken"), MODELS[name])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "killed", MODELS[name].model_dump_json()],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9
    store = Store(tmp_path / "killed")
    assert [path.name for path in (store.root / "models").glob("*/_manifest.json")] == []
    with caplog.at_level(logging.INFO):
        resumed = trained(store, MODELS[name])
    assert "goes on from step 24 of 48" in caplog.text
    assert resumed == unbroken


def test_interrupted_within_an_epoch_it_goes_on_from_that_step(tmp_path, caplog):
    unbroken = trained(Store(tmp_path / "unbroken"), MODELS["dense-plain"])
    store = Store(tmp_path / "interrupted")

    def stop(progress):
        if progress.done >= 17:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        trained(
            store,
            MODELS["dense-plain"],
            runtime=RuntimeConfig(steps_per_call=1),
            on_progress=stop,
        )
    with caplog.at_level(logging.INFO):
        resumed = trained(store, MODELS["dense-plain"])
    assert "goes on from step 17 of 48" in caplog.text
    assert resumed == unbroken


def test_a_deadline_leaves_a_draft_to_resume(tmp_path):
    store = Store(tmp_path / "store")
    runtime = RuntimeConfig(steps_per_call=1, deadline_seconds=0.001)
    with pytest.raises(Interrupted, match=r"The deadline of 0\.001 s passed during train"):
        trained(store, MODELS["dense-plain"], runtime=runtime)
    partial = next((store.root / "models").glob("*.partial"))
    assert (partial / "_work" / "checkpoint.npz").exists()
    assert trained(store, MODELS["dense-plain"]).keys() == {
        "config.json",
        "golden.npz",
        "history.parquet",
        "model.weights.h5",
        "reference.parquet",
    }
