"""One epoch of training: our loop beside Keras `model.fit`, same network, data and optimizer."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from aeflow.artifacts import Dataset
from aeflow.configs import ModelConfig, RuntimeConfig, TrainConfig
from aeflow.models import build
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.progress import silent
from aeflow.storage import Store
from aeflow.training.checkpoints import TrainingState
from aeflow.training.inputs import resident_rows
from aeflow.training.loop import Run, fit
from aeflow.training.optimizers import build_optimizer
from aeflow.training.policy import Policy

__all__ = ["variants"]

CONFIG = TrainConfig(epochs=1, schedule="constant", learning_rate=0.002)


class NoCheckpoints:
    """Saves nothing: `model.fit` does not either."""

    def save(self, state: TrainingState) -> None:
        """Does nothing."""


def variants(dataset: Dataset, store: Store) -> dict[str, Callable[[], str]]:
    """Returns the ways to train one epoch from fresh weights; each returns its validation MSE."""
    rows = resident_rows(dataset, "train", store)
    held_out = resident_rows(dataset, "validation", store)

    def ours() -> str:
        model = _model(dataset)
        optimizer = build_optimizer(CONFIG, model.trainable_variables, num_steps=1)
        run = Run(model, optimizer, rows, held_out, CONFIG, RuntimeConfig(), Policy(True, 2))
        state = fit(
            run, TrainingState(), NoCheckpoints(), on_epoch=lambda epoch: None, on_progress=silent
        )
        return f"MSE {state.best_loss:.4f}"

    return {
        "aeflow": ours,
        "model.fit": lambda: _keras(dataset, rows, held_out, 1),
        "model.fit, steps_per_execution=32": lambda: _keras(dataset, rows, held_out, 32),
    }


def _model(dataset: Dataset):
    preprocessing = fit_preprocessing(dataset.example_schema, np.zeros(1), np.ones(1))
    return build(ModelConfig(), dataset.example_schema, preprocessing, seed=0)


def _keras(dataset: Dataset, rows: tf.Tensor, held_out: tf.Tensor, steps: int) -> str:
    """Trains as a user of Keras would: scaled in advance, `compile`, `fit`."""
    x, x_held_out = (tf.cast(r, tf.float32).numpy() / 255.0 for r in (rows, held_out))
    ours = _model(dataset)
    model = tf.keras.Sequential([ours.encoder, ours.decoder])
    model.compile(tf.keras.optimizers.Adam(0.002), "mse", steps_per_execution=steps)
    model.fit(x, x, batch_size=CONFIG.batch_size, epochs=1, verbose=0)
    return f"MSE {model.evaluate(x_held_out, x_held_out, batch_size=1024, verbose=0):.4f}"
