"""A dense network with a layer that returns garbage only in bfloat16, as a library bug might.

A test replaces the dense network with it by the entry in `NETWORKS`, and chooses the fault.
"""

import tensorflow as tf

from aeflow.models.networks import dense

__all__ = ["FAULT", "Decoder", "Encoder"]

FAULT = "values"
"""One of: none, values, not finite, many rows (only in batches of 16 or more), gradient."""


class Faulty(tf.keras.layers.Layer):
    """Returns x [B, D] in float32, and garbage in bfloat16."""

    def call(self, x):
        if self.compute_dtype == "float32" or FAULT == "none":
            return x
        if FAULT == "gradient":
            return _wrong_gradient(x)
        num_rows = tf.shape(x)[0]
        garbage = x * tf.constant(float("nan") if FAULT == "not finite" else 7.0, x.dtype)
        return tf.where(num_rows >= (16 if FAULT == "many rows" else 0), garbage, x)


@tf.custom_gradient
def _wrong_gradient(x):
    return x, lambda upstream: -upstream


class Encoder(dense.Encoder):
    """The dense encoder with the faulty layer between its two layers."""

    def __init__(self, options, *, num_outputs: int):
        super().__init__(options, num_outputs=num_outputs)
        self.faulty = Faulty()

    def call(self, x, training=False):
        return self.outputs(self.faulty(self.hidden(self.flatten(x))))


Decoder = dense.Decoder
