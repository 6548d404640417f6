"""The first layer of a model, which scales stored rows to the range that networks train on."""

from typing import Any

import numpy as np
import tensorflow as tf

from aeflow.schema import ExampleSchema

__all__ = ["Preprocessing", "fit_preprocessing"]


class Preprocessing(tf.keras.layers.Layer):
    """Scales stored rows [B, *shape] to float32 preprocessed rows: (rows - offset) / scale.

    For images, `offset` and `scale` are one value each, and preprocessed values lie in [0, 1]. For
    vectors, `offset` and `scale` have one value per column, and each preprocessed column has mean 0
    and variance 1 over the training split. Both are saved with the model's weights. The units of
    preprocessed rows are called input units.
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(name="preprocessing", trainable=False, dtype="float32")
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale")

    def call(self, rows: Any):
        """Returns the preprocessed rows [B, *shape] of stored rows."""
        return (tf.cast(rows, tf.float32) - self.offset) / self.scale

    @property
    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest usual value of preprocessed rows.

        For images, these are 0 and 1. For vectors, they are -2 and 2: two standard deviations from
        the mean.
        """
        return (0.0, 1.0) if self.of_images else (-2.0, 2.0)

    @property
    def of_images(self) -> bool:
        """Whether rows are images, which have one offset for all values."""
        return self.offset.shape == ()

    def invert(self, x: tf.Tensor | np.ndarray):
        """Converts preprocessed rows or reconstructions to the units of stored rows."""
        return x * self.scale + self.offset


def fit_preprocessing(schema: ExampleSchema, mean: np.ndarray, std: np.ndarray) -> Preprocessing:
    """Returns a layer that scales images by their value range, or vectors by `mean` and `std`.

    `mean` and `std` are statistics of the training split, with shape [D] for vectors.
    """
    if schema.value_range is not None:
        low, high = schema.value_range
        layer = Preprocessing(())
        layer.set_weights([np.array(low), np.array((high - low) or 1.0)])
        return layer
    layer = Preprocessing(schema.shape)
    layer.set_weights([mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32)])
    return layer
