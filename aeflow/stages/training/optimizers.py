"""Keras optimizers and learning-rate schedules, by name."""

from typing import Any

from aeflow.compute.tensorflow import tf
from aeflow.configs import TrainConfig
from aeflow.stages.training.muon import Muon

__all__ = ["OneCycle", "build_optimizer", "learning_rate_at"]

schedules = tf.keras.optimizers.schedules

START_OF_CYCLE = 1 / 25


def build_optimizer(
    config: TrainConfig,
    variables: list,
    *,
    num_steps: int,
    strategy: tf.distribute.Strategy | None = None,
) -> tf.keras.optimizers.Optimizer:
    """Builds an optimizer with all its variables, for `num_steps` steps in total.

    With `ema_momentum`, the optimizer's method `finalize_variable_values` assigns the moving
    averages to variables. With a strategy, the optimizer clips the gradient of each device and then
    sums the clipped gradients. In `train_step`, all devices pass equal shares of one gradient. Each
    share is therefore clipped to `clip_norm` divided by the number of devices.
    """
    devices = strategy or tf.distribute.get_strategy()
    common = {
        "learning_rate": _schedule(config, num_steps),
        "global_clipnorm": config.clip_norm and config.clip_norm / devices.num_replicas_in_sync,
        "use_ema": config.ema_momentum is not None,
        "ema_momentum": config.ema_momentum or 0.0,
    }
    with devices.scope():
        optimizer = _named(config, common)
        optimizer.build(variables)
    return optimizer


def learning_rate_at(config: TrainConfig, step: int, *, num_steps: int) -> float:
    """Returns the learning rate of a step. Steps are counted from 0."""
    schedule = _schedule(config, num_steps)
    return float(schedule(step)) if callable(schedule) else schedule


class OneCycle(schedules.LearningRateSchedule):
    """Raises the rate linearly from 1/25 of the peak to the peak, then lowers it linearly to 0.

    After Smith & Topin 2018 (https://arxiv.org/abs/1708.07120).
    """

    def __init__(self, peak: float, *, num_steps: int, warmup: int):
        self.peak, self.num_steps, self.warmup = peak, num_steps, warmup

    def __call__(self, step: Any):
        """Returns the learning rate of a step. Steps are counted from 0."""
        step = tf.cast(step, tf.float32)
        rising = START_OF_CYCLE + (1 - START_OF_CYCLE) * step / max(self.warmup, 1)
        falling = (self.num_steps - step) / (self.num_steps - self.warmup)
        return self.peak * tf.where(step < self.warmup, rising, tf.maximum(falling, 0.0))

    def get_config(self):
        """Returns the arguments that create an equal schedule."""
        return {"peak": self.peak, "num_steps": self.num_steps, "warmup": self.warmup}


def _named(config: TrainConfig, common: dict[str, Any]) -> tf.keras.optimizers.Optimizer:
    decay = config.weight_decay
    match config.optimizer:
        case "adam":
            return tf.keras.optimizers.Adam(**common)
        case "adamw":
            return tf.keras.optimizers.AdamW(weight_decay=decay, **common)
        case "muon":
            return Muon(weight_decay=decay, adam_weight_decay=decay, **common)


def _schedule(config: TrainConfig, num_steps: int) -> float | schedules.LearningRateSchedule:
    """Returns the configured schedule, or a constant rate.

    The cosine schedule is that of Loshchilov & Hutter 2017 (https://arxiv.org/abs/1608.03983).
    """
    if config.schedule == "constant":
        return config.learning_rate
    warmup = int(config.warmup_fraction * num_steps)
    if config.schedule == "one_cycle":
        return OneCycle(config.learning_rate, num_steps=num_steps, warmup=warmup)
    if warmup == 0:
        return schedules.CosineDecay(config.learning_rate, num_steps)
    return schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=num_steps - warmup,
        warmup_target=config.learning_rate,  # pyright: ignore[reportArgumentType]
        warmup_steps=warmup,
    )
