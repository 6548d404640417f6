"""Keras optimizers and learning-rate schedules, by name."""

from typing import Any

import tensorflow as tf

from aeflow.configs import TrainConfig

__all__ = ["build_optimizer", "learning_rate_at"]

Schedule = float | tf.keras.optimizers.schedules.LearningRateSchedule


def build_optimizer(
    config: TrainConfig, variables: list, *, num_steps: int
) -> tf.keras.optimizers.Optimizer:
    """Builds an optimizer with all its variables, for `num_steps` steps in total."""
    schedule = _schedule(config, num_steps)
    if config.optimizer == "muon":
        optimizer = tf.keras.optimizers.Muon(learning_rate=schedule)
    else:
        optimizer = tf.keras.optimizers.Adam(learning_rate=schedule)
    optimizer.build(variables)
    return optimizer


def learning_rate_at(config: TrainConfig, step: int, *, num_steps: int) -> float:
    """Returns the learning rate of a step that is counted from 0."""
    schedule = _schedule(config, num_steps)
    return float(schedule(step)) if callable(schedule) else schedule


def _schedule(config: TrainConfig, num_steps: int) -> Schedule:
    """Rises to the peak and falls along a cosine to 0 (https://arxiv.org/abs/1608.03983)."""
    if config.schedule == "constant":
        return config.learning_rate
    peak: Any = config.learning_rate
    warmup = int(config.warmup_fraction * num_steps)
    if warmup == 0:
        return tf.keras.optimizers.schedules.CosineDecay(peak, num_steps)
    return tf.keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=num_steps - warmup,
        warmup_target=peak,
        warmup_steps=warmup,
    )
