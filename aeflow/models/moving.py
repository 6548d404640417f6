"""Images that are moved and zoomed within their frame."""

import math
from typing import Any

import tensorflow as tf

__all__ = ["moved", "warped"]


def moved(images: Any, most: int, seed: tuple[int, int]):
    """Returns images [B, H, W, C], each moved at random by at most so many pixels each way.

    What is moved in repeats the edge. The same stateless seed, two numbers, moves the same way.
    """
    shape = tf.stack([2, tf.shape(images)[0], 1])
    moves = tf.random.stateless_uniform(shape, seed, -most, most + 1, tf.int32)
    for axis, pixels in ((1, moves[0]), (2, moves[1])):
        size = images.shape[axis]
        places = tf.clip_by_value(tf.range(size) + pixels, 0, size - 1)
        images = tf.gather(images, places, axis=axis, batch_dims=1)
    return images


def warped(images: Any, seed: tuple[int, int], *, shift: float, zoom: float):
    """Returns images [B, H, W, C] of floats, each moved and zoomed at random along each side.

    `shift` is the largest move, as a share of the side; 1 + `zoom` the largest factor, and one over
    it the least. Between pixels is interpolated linearly, beyond the edge it is repeated. The same
    stateless seed, two numbers, warps the same way.
    """
    shape = tf.stack([2, 2, tf.shape(images)[0], 1, 1])
    chosen = tf.random.stateless_uniform(shape, seed, -1.0, 1.0)
    moves, factors = chosen[0] * shift, tf.exp(chosen[1] * math.log1p(zoom))
    rows = _interpolation(images.shape[1], moves[0], factors[0])
    columns = _interpolation(images.shape[2], moves[1], factors[1])
    return tf.einsum("bhi,bwj,bijc->bhwc", rows, columns, images)


def _interpolation(size: int, moves: tf.Tensor, factors: tf.Tensor):
    """Returns what each place of a side takes from each pixel [B, size, size], rows of sum 1."""
    pixels = tf.range(size, dtype=tf.float32)
    middle = (size - 1) / 2
    places = (pixels[:, None] - middle) * factors + middle + size * moves
    return tf.nn.relu(1 - tf.abs(tf.clip_by_value(places, 0.0, size - 1.0) - pixels))
