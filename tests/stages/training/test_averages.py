"""The moving average of the weights."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from aeflow.artifacts import Model
from aeflow.configs import IngestConfig, ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import Interrupted
from aeflow.models import load_model
from aeflow.progress import silent
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.stages.training.optimizers import build_optimizer
from aeflow.storage import Store

RESTLESS = {"epochs": 6, "learning_rate": 0.05, "schedule": "constant"}
"""Weights that change much to the end, so that their average is better than any of them."""


def trained(store: Store, *, on_progress=silent, **options) -> Model:
    return train(
        Context(store, RuntimeConfig(steps_per_call=4), on_progress),
        ingest(Context(store), IngestConfig()),
        TrainConfig.model_validate(options),
        model_config=ModelConfig(latent_dim=8),
    )


def mean_error(store: Store, model: Model) -> float:
    """Returns the mean error of the stored model, in float32, on its held-out rows."""
    load_model(model, store, cpu="any")  # checks its golden vectors
    reference = pq.read_table(store.locate(model) / "reference.parquet")
    return float(reference["reconstruction_error"].to_numpy().mean())


def losses(store: Store, model: Model) -> list[float]:
    return pq.read_table(store.locate(model) / "history.parquet")["loss"].to_pylist()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_an_average_keeps_its_share_at_each_step(optimizer):
    config = TrainConfig(optimizer=optimizer, ema_momentum=0.75)
    kernel = tf.keras.Variable(np.ones((2, 2), np.float32))
    built = build_optimizer(config, [kernel], num_steps=10)
    average = None
    for _ in range(4):
        built.apply([tf.constant([[1.0, 2.0], [3.0, -4.0]])], [kernel])
        now = kernel.numpy()
        average = now if average is None else 0.75 * average + 0.25 * now
    built.finalize_variable_values([kernel])
    np.testing.assert_allclose(kernel.numpy(), average, rtol=1e-6)


def test_the_average_is_what_is_validated_and_kept(tmp_path):
    store = Store(tmp_path)
    last = trained(store, **RESTLESS)
    average = trained(store, **RESTLESS, ema_momentum=0.9)
    assert average.validation_loss < 0.9 * last.validation_loss
    assert mean_error(store, average) == pytest.approx(average.validation_loss, rel=1e-4)
    assert losses(store, average) == losses(store, last)  # it disturbs no step


def test_interrupted_it_goes_on_with_weights_and_average(tmp_path):
    def stop(progress) -> None:
        if progress.done >= 40:
            raise Interrupted("enough")

    averaged = {**RESTLESS, "ema_momentum": 0.9}
    unbroken = trained(Store(tmp_path / "unbroken"), **averaged)
    store = Store(tmp_path / "broken")
    with pytest.raises(Interrupted):
        trained(store, **averaged, on_progress=stop)
    assert trained(store, **averaged).digest == unbroken.digest
