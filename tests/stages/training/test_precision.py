"""Training in bfloat16 is correct, or it is refused before the first step."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

from aeflow.configs import ConvolutionalOptions, IngestConfig, ModelConfig, TrainConfig
from aeflow.errors import InexactPrecision
from aeflow.models import load_model
from aeflow.models.networks import NETWORKS
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.stages.training.precision import Batch, batches_of
from aeflow.storage import Store
from tests import garbage

DENSE = ModelConfig(latent_dim=8)
ROUGH = TrainConfig(epochs=6, precision="bfloat16")
REFUSAL = re.compile(
    r"(This processor computes the model too inexactly in bfloat16: in batches of \d+ rows, the "
    r"deviation of the [a-z ]+ from float32 is (\S+), but at most 0\.\d+ is accepted\."
    r"|TensorFlow crashes when it computes in bfloat16 under (ONEDNN|DNNL)_MAX_CPU_ISA=\w+\.)"
    r' Choose precision = "float32" in \[train\]\.'
)


def test_whole_batches_the_last_one_and_those_of_validation_are_compared():
    def forwards(*sizes):
        return [Batch(size, is_step=False) for size in sizes]

    assert batches_of(1000, 2100, batch_size=128, parts=2, xla=True) == [
        *forwards(52, 64, 104, 1024),
        Batch(64, is_step=True, xla=True),
        Batch(104, is_step=True),
    ]
    assert batches_of(100, 12, batch_size=128, parts=1, xla=False) == [
        *forwards(12, 100),
        Batch(100, is_step=True),
    ]
    assert batches_of(256, 1024, batch_size=128, parts=1, xla=False) == [
        *forwards(128, 1024),
        Batch(128, is_step=True),
    ]


def test_a_dense_model_trained_in_bfloat16_is_float32_and_as_good(tmp_path):
    store = Store(tmp_path)
    dataset = ingest(Context(store), IngestConfig())
    exact = train(Context(store), dataset, TrainConfig(epochs=6), model_config=DENSE)
    try:
        rough = train(Context(store), dataset, ROUGH, model_config=DENSE)
    except InexactPrecision as error:
        assert "crashes" in str(error)  # no processor computes dense layers wrongly
        return
    assert rough.digest != exact.digest
    assert rough.validation_loss == pytest.approx(exact.validation_loss, rel=0.05)
    load_model(rough, store, cpu="any")  # its golden vectors are its own in float32
    reference = pq.read_table(store.locate(rough) / "reference.parquet")
    errors = reference["reconstruction_error"].to_numpy()
    assert errors.mean() == pytest.approx(rough.validation_loss, rel=0.02)


def test_small_images_train_nearly_as_well_by_convolutions_or_are_refused(tmp_path):
    """oneDNN computes their smallest convolution wrongly on processors with AMX."""
    images = np.pad(load_digits().images.astype(np.uint8) * 15, ((0, 0), (2, 2), (0, 0)))
    np.savez(tmp_path / "images.npz", x_train=images)
    store = Store(tmp_path / "store")
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{tmp_path / 'images.npz'}"))
    model = ModelConfig(network=ConvolutionalOptions(), latent_dim=8)
    exact = train(Context(store), dataset, TrainConfig(epochs=6), model_config=model)
    try:
        rough = train(Context(store), dataset, ROUGH, model_config=model)
    except InexactPrecision as error:
        assert REFUSAL.fullmatch(str(error))
        assert [path.name for path in (store.root / "models").iterdir()] == [exact.key]
    else:
        assert rough.validation_loss < 1.2 * exact.validation_loss


@pytest.mark.parametrize("fault", ["values", "not finite", "many rows", "gradient"])
def test_garbage_in_bfloat16_alone_is_refused_and_leaves_nothing(fault, tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "dense", "tests.garbage")
    monkeypatch.setattr(garbage, "FAULT", fault)
    store = Store(tmp_path)
    dataset = ingest(Context(store), IngestConfig())
    with pytest.raises(InexactPrecision) as raised:
        train(Context(store), dataset, ROUGH, model_config=DENSE)
    refusal = REFUSAL.fullmatch(str(raised.value))
    assert refusal
    assert not (store.root / "models").exists()
    if "crashes" not in str(raised.value):
        what = "gradient of the encoder" if fault == "gradient" else "latents"
        assert f"the deviation of the {what} " in str(raised.value)
        assert float(refusal[2]) > 0.3


def test_a_setting_under_which_bfloat16_kills_the_process_is_refused(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('train = {epochs = 1, precision = "bfloat16"}\n')
    aeflow = Path(sys.executable).with_name("aeflow")
    done = subprocess.run(
        [aeflow, "train", "--direct", "--store", "store", "--config", config],
        env={"ONEDNN_MAX_CPU_ISA": "AVX2", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    models = tmp_path / "store" / "models"
    if done.returncode == 0:  # a processor without AVX-512, so the setting hides nothing
        assert len([*models.iterdir()]) == 1
    else:
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == (
            "aeflow: TensorFlow crashes when it computes in bfloat16 under "
            'ONEDNN_MAX_CPU_ISA=AVX2. Choose precision = "float32" in [train].'
        )
        assert not models.exists()
