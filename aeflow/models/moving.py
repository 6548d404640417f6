"""Images that are moved within their frame."""

import tensorflow as tf

__all__ = ["moved"]


def moved(images, most: int, seed):
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
