"""How steps are computed: the policy for each model, which does not change the result."""

import json

import numpy as np
import pytest

from aeflow.artifacts import Model
from aeflow.compute.machine import Machine
from aeflow.configs import (
    ConvolutionalOptions,
    DenoisingOptions,
    DenseOptions,
    IngestConfig,
    ModelConfig,
    PlainOptions,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.errors import Interrupted
from aeflow.models import build, load_model
from aeflow.models.preprocessing import Preprocessing
from aeflow.schema import ExampleSchema
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.stages.training.optimizers import build_optimizer
from aeflow.stages.training.policy import Policy, choose_policy
from aeflow.stages.training.steps import train_step
from aeflow.storage import Store
from tests.stages.training.test_resume import trained

DENSE = ModelConfig()
WIDE = ModelConfig(network=DenseOptions(hidden_units=512))
CONVOLUTIONAL = ModelConfig(network=ConvolutionalOptions())
COMPILED = RuntimeConfig(xla=True, batch_parts=2, steps_per_call=5)
SMALL = ModelConfig(latent_dim=8)


@pytest.mark.parametrize(
    ("model", "options", "device", "num_rows", "expected"),
    [
        (DENSE, {}, "cpu", 60_000, Policy(xla=True, batch_parts=2)),
        (WIDE, {}, "cpu", 60_000, Policy(xla=True)),
        (CONVOLUTIONAL, {}, "cpu", 60_000, Policy()),
        (DENSE, {}, "cpu", 1_000, Policy()),
        (DENSE, {}, "gpu", 60_000, Policy()),
        (DENSE, {"xla": False}, "cpu", 60_000, Policy()),
        (DENSE, {"batch_parts": 4}, "cpu", 1_000, Policy(batch_parts=4)),
        (DENSE, {"batch_parts": 3}, "cpu", 1_000, Policy()),
    ],
)
def test_policy_follows_from_network_device_and_rows(model, options, device, num_rows, expected):
    runtime, machine = RuntimeConfig(**options), Machine(device, cpu="any", threads=2)
    policy = choose_policy(model, TrainConfig(), runtime, machine=machine, num_rows=num_rows)
    assert policy == expected


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> tuple[Store, Model]:
    store = Store(tmp_path_factory.mktemp("compiled"))
    dataset = ingest(Context(store), IngestConfig())
    return store, train(
        Context(store, runtime=COMPILED), dataset, TrainConfig(epochs=4), model_config=SMALL
    )


def test_compiled_training_in_parts_reaches_the_same_loss(compiled, tmp_path):
    store, model = compiled
    plain_store = Store(tmp_path)
    plain = train(
        Context(plain_store),
        ingest(Context(plain_store), IngestConfig()),
        TrainConfig(epochs=4),
        model_config=SMALL,
    )
    assert plain.key == model.key
    assert model.validation_loss == pytest.approx(plain.validation_loss, rel=1e-3)
    weights = [
        load_model(m, s, cpu="any").variables for m, s in ((model, store), (plain, plain_store))
    ]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=2e-3)


def test_manifest_says_how_steps_were_computed(compiled):
    store, model = compiled
    runtime = json.loads((store.locate(model) / "_manifest.json").read_bytes())["runtime"]
    assert (runtime["xla"], runtime["batch_parts"]) == (True, 2)


def test_compiled_and_interrupted_it_ends_in_the_same_bytes(compiled, tmp_path):
    store, model = compiled
    unbroken = store.locate(model)

    def stop(progress):
        if progress.done >= 17:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        trained(Store(tmp_path), SMALL, runtime=COMPILED, on_progress=stop)
    resumed = trained(Store(tmp_path), SMALL, runtime=COMPILED)
    assert resumed == {name: (unbroken / name).read_bytes() for name in resumed}


@pytest.mark.parametrize("kind", [PlainOptions(), DenoisingOptions()])
def test_each_part_of_a_batch_has_its_own_noise(kind):
    schema = ExampleSchema(shape=(6,), dtype="float32")
    config = ModelConfig(kind=kind, latent_dim=2)
    model = build(config, schema, Preprocessing(()), seed=0)
    optimizer = build_optimizer(TrainConfig(), model.trainable_variables, num_steps=1)
    half = np.random.default_rng(0).random((4, 6), np.float32)
    alone = float(model.loss_terms(half, training=True, step=0, seed=0)["loss"])
    rows = np.concatenate([half, half])
    twice = float(train_step(model, optimizer, rows, config=TrainConfig(), step=0, parts=2)["loss"])
    assert (twice == pytest.approx(alone, rel=1e-5)) == (kind.name == "plain")
