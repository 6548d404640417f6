"""The batch normalisation of all networks (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167)."""

import tensorflow as tf

__all__ = ["batch_normalisation"]

MOMENTUM = 0.9
"""The momentum of the moving averages of batch statistics.

With Keras's default of 0.99, the averages lag for hundreds of steps. Training on small data takes
no more steps than that.
"""


def batch_normalisation() -> tf.keras.layers.Layer:
    """Returns a new layer that normalises [B, ..., C] over all but the last axis."""
    return tf.keras.layers.BatchNormalization(momentum=MOMENTUM)
