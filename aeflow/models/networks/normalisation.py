"""The batch normalisation of all networks (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167)."""

import tensorflow as tf

__all__ = ["batch_normalisation"]

MOMENTUM = 0.9
"""Of batch statistics; Keras's 0.99 lags for hundreds of steps, all of them on small data."""


def batch_normalisation() -> tf.keras.layers.Layer:
    """Returns a new layer that normalises [B, ..., C] over all but the last axis."""
    return tf.keras.layers.BatchNormalization(momentum=MOMENTUM)
