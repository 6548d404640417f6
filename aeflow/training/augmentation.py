"""Images as they might as well have been: mirrored, and moved by a few pixels."""

import tensorflow as tf

from aeflow.configs import TrainConfig
from aeflow.errors import ConfigError
from aeflow.schema import ExampleSchema

__all__ = ["augmented", "check_augmentation"]

FLIP, SHIFT = 7_919, 104_729
"""What is taken from a seed, so that flips, shifts and a kind's noise do not hang together."""


def check_augmentation(config: TrainConfig, schema: ExampleSchema) -> None:
    """Raises ConfigError where something else than images is to be flipped or shifted."""
    if (config.flip or config.shift) and len(schema.shape) != 3:
        raise ConfigError(
            f"train.flip and train.shift take images [H, W, C], not examples of shape "
            f"{schema.shape}. Leave them out."
        )


def augmented(rows, config: TrainConfig, *, step, seed):
    """Returns stored images [B, H, W, C], each flipped or not, and moved at random.

    What is moved in repeats the edge. The same step and seed give the same images.
    """
    if config.flip:
        rows = _flipped(rows, (seed - FLIP, step))
    if config.shift:
        rows = _shifted(rows, config.shift, (seed - SHIFT, step))
    return rows


def _flipped(rows, seed):
    chances = tf.random.stateless_uniform([rows.shape[0], 1, 1, 1], seed)
    return tf.where(chances < 0.5, tf.reverse(rows, [2]), rows)


def _shifted(rows, most: int, seed):
    moves = tf.random.stateless_uniform([2, rows.shape[0], 1], seed, -most, most + 1, tf.int32)
    for axis, moved in ((1, moves[0]), (2, moves[1])):
        size = rows.shape[axis]
        places = tf.clip_by_value(tf.range(size) + moved, 0, size - 1)
        rows = tf.gather(rows, places, axis=axis, batch_dims=1)
    return rows
