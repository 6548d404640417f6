"""Augmentation of training images: random mirroring, and random shifts by a few pixels."""

from typing import Any

from aeflow.compute.tensorflow import tf
from aeflow.configs import TrainConfig
from aeflow.errors import ConfigError
from aeflow.models.moving import moved
from aeflow.schema import ExampleSchema

__all__ = ["augmented", "check_augmentation"]

FLIP, SHIFT = 7_919, 104_729
"""Numbers that are subtracted from a seed.

They make flips, shifts and the noise of a kind independent of each other.
"""


def check_augmentation(config: TrainConfig, schema: ExampleSchema) -> None:
    """Raises ConfigError if the config flips or shifts examples that are not images."""
    if (config.flip or config.shift) and len(schema.shape) != 3:
        raise ConfigError(
            f"train.flip and train.shift take images [H, W, C], not examples of shape "
            f"{schema.shape}. Leave both options out."
        )


def augmented(rows: Any, config: TrainConfig, *, step: int, seed: int):
    """Returns stored images [B, H, W, C], each flipped and shifted at random, as configured.

    The same step and seed give the same images.
    """
    if config.flip:
        rows = _flipped(rows, (seed - FLIP, step))
    if config.shift:
        rows = moved(rows, config.shift, (seed - SHIFT, step))
    return rows


def _flipped(rows: Any, seed: tuple[int, int]):
    chances = tf.random.stateless_uniform([rows.shape[0], 1, 1, 1], seed)
    return tf.where(chances < 0.5, tf.reverse(rows, [2]), rows)
