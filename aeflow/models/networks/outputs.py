"""The last step of every decoder: the activation that turns its outputs into a reconstruction."""

import tensorflow as tf

__all__ = ["activated", "clipped"]


def activated(x_hat: tf.Tensor, activation: str):
    """Returns reconstructions x_hat [B, *shape] as float32, after the activation.

    The activation "auto" clips images and leaves vectors unchanged.
    """
    x_hat = tf.cast(x_hat, tf.float32)
    if activation == "auto":
        activation = "clipped" if len(x_hat.shape) == 4 else "linear"
    if activation == "sigmoid":
        return tf.sigmoid(x_hat)
    return clipped(x_hat) if activation == "clipped" else x_hat


def clipped(x_hat: tf.Tensor):
    """Clips values to [0, 1] but passes gradients on unchanged.

    The gradient of a squared error is then 2 (clipped - x). It points in the right direction and
    vanishes only if the error does. The gradient of a sigmoid also vanishes on black images, so
    that training may get stuck at them.
    """
    return x_hat + tf.stop_gradient(tf.clip_by_value(x_hat, 0.0, 1.0) - x_hat)
