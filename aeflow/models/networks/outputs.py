"""The last step of every decoder: from a network's numbers to a reconstruction."""

import tensorflow as tf

__all__ = ["activated", "clipped"]


def activated(x_hat: tf.Tensor, activation: str):
    """Returns x_hat [B, *shape], float32, in input units; "auto" clips images, and those alone."""
    x_hat = tf.cast(x_hat, tf.float32)
    if activation == "auto":
        activation = "clipped" if len(x_hat.shape) == 4 else "linear"
    if activation == "sigmoid":
        return tf.sigmoid(x_hat)
    return clipped(x_hat) if activation == "clipped" else x_hat


def clipped(x_hat: tf.Tensor):
    """Clips to [0, 1] and lets gradients pass as if it did not.

    The gradient of a squared error then is 2 (clipped - x): it points the right way and vanishes
    only where the error does. A sigmoid's vanishes on black images too, which it may stay at.
    """
    return x_hat + tf.stop_gradient(tf.clip_by_value(x_hat, 0.0, 1.0) - x_hat)
