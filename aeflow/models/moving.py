"""Random shifts and zooms of images within their frame."""

import math
from typing import Any

import tensorflow as tf

__all__ = ["moved", "warped"]


def moved(images: Any, max_pixels: int, seed: tuple[int, int]):
    """Returns images [B, H, W, C], each shifted at random by at most `max_pixels` along each side.

    Pixels beyond the edge repeat the edge. The same stateless seed, two integers, gives the same
    shifts.
    """
    shape = tf.stack([2, tf.shape(images)[0], 1])
    shifts = tf.random.stateless_uniform(shape, seed, -max_pixels, max_pixels + 1, tf.int32)
    for axis, pixels in ((1, shifts[0]), (2, shifts[1])):
        size = images.shape[axis]
        positions = tf.clip_by_value(tf.range(size) + pixels, 0, size - 1)
        images = tf.gather(images, positions, axis=axis, batch_dims=1)
    return images


def warped(images: Any, seed: tuple[int, int], *, shift: float, zoom: float):
    """Returns images [B, H, W, C] of floats, each shifted and zoomed at random along each side.

    `shift` is the largest shift, as a share of the side. Zoom factors lie between 1 / (1 + `zoom`)
    and 1 + `zoom`. Values between pixels are interpolated linearly, and pixels beyond the edge
    repeat the edge. The same stateless seed, two integers, gives the same shifts and zooms.
    """
    shape = tf.stack([2, 2, tf.shape(images)[0], 1, 1])
    draws = tf.random.stateless_uniform(shape, seed, -1.0, 1.0)
    shifts, factors = draws[0] * shift, tf.exp(draws[1] * math.log1p(zoom))
    rows = _interpolation(images.shape[1], shifts[0], factors[0])
    columns = _interpolation(images.shape[2], shifts[1], factors[1])
    return tf.einsum("bhi,bwj,bijc->bhwc", rows, columns, images)


def _interpolation(size: int, shifts: tf.Tensor, factors: tf.Tensor):
    """Returns weights [B, size, size] of source pixels (last axis) for each output pixel.

    The weights of one output pixel sum to 1.
    """
    pixels = tf.range(size, dtype=tf.float32)
    middle = (size - 1) / 2
    positions = (pixels[:, None] - middle) * factors + middle + size * shifts
    return tf.nn.relu(1 - tf.abs(tf.clip_by_value(positions, 0.0, size - 1.0) - pixels))
