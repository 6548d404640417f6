"""The first layer of a model, which scales stored rows to the range that networks train on."""

from typing import Any

import numpy as np
import tensorflow as tf

from aeflow.schema import ExampleSchema

__all__ = ["Preprocessing", "fit_preprocessing"]


class Preprocessing(tf.keras.layers.Layer):
    """Maps stored rows [B, *shape] to float32 input units: (rows - offset) / scale.

    For images, `offset` and `scale` are one value each, and input units lie in [0, 1]. For vectors
    they are one value per column, and each column has mean 0 and variance 1 over the training
    split. Both are saved with the model's weights.
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(name="preprocessing", trainable=False, dtype="float32")
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale")

    def call(self, rows: Any):
        """Returns rows in input units."""
        return (tf.cast(rows, tf.float32) - self.offset) / self.scale

    @property
    def extremes(self) -> tuple[float, float]:
        """The least and the greatest usual value in input units.

        For images, they are 0 and 1. For vectors, they are two standard deviations from the mean.
        """
        return (0.0, 1.0) if self.of_images else (-2.0, 2.0)

    @property
    def of_images(self) -> bool:
        """Whether rows are images, which have one offset for all values."""
        return self.offset.shape == ()

    def invert(self, x: tf.Tensor | np.ndarray):
        """Converts input units, such as those of a reconstruction, to the units of stored rows."""
        return x * self.scale + self.offset


def fit_preprocessing(schema: ExampleSchema, mean: np.ndarray, std: np.ndarray) -> Preprocessing:
    """Returns the preprocessing of images by their value range, or of vectors by mean and std.

    `mean` and `std` are those of the training split, [D] for vectors.
    """
    if schema.value_range is not None:
        low, high = schema.value_range
        layer = Preprocessing(())
        layer.set_weights([np.array(low), np.array((high - low) or 1.0)])
        return layer
    layer = Preprocessing(schema.shape)
    layer.set_weights([mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32)])
    return layer
