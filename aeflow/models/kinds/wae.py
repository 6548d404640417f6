"""Wasserstein autoencoder (Tolstikhin et al. 2018, https://arxiv.org/abs/1711.01558), with MMD."""

from typing import Any

import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised

__all__ = ["WassersteinAutoencoder", "maximum_mean_discrepancy"]

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class WassersteinAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the discrepancy of latents from samples of N(0, I)."""

    is_generative = True

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error) and "discrepancy"."""
        x = self.preprocessing(rows)
        z = self.encoder(x, training=training)
        mse = mean_squared_error(x, self.decoder(z, training=training))
        prior = tf.random.stateless_normal(tf.shape(z), (seed, step))
        discrepancy = maximum_mean_discrepancy(z, prior)
        loss = penalised(mse, self.options.weight * discrepancy)
        return {"loss": loss, "reconstruction": mse, "discrepancy": discrepancy}


def maximum_mean_discrepancy(z: tf.Tensor, prior: tf.Tensor):
    """Returns an unbiased estimate of the squared discrepancy of two samples [B, d].

    The estimate may be below 0.

    The kernel is the mean of inverse multiquadrics C / (C + |a - b|^2). C takes several multiples
    of 2 d, the expected squared distance between two samples of N(0, I).
    """
    count = tf.cast(tf.shape(z)[0], tf.float32)
    pairs = tf.maximum(count * (count - 1), 1.0)
    within = (_kernel(z, z) - count + _kernel(prior, prior) - count) / pairs
    return within - 2 * _kernel(z, prior) / tf.square(count)


def _kernel(a: Any, b: Any):
    """Returns the kernel summed over all pairs of a row of `a` and a row of `b`.

    The kernel of a row with itself is 1.
    """
    products = tf.linalg.matmul(a, b, transpose_b=True)
    squares = tf.reduce_sum(a * a, axis=1)[:, tf.newaxis] + tf.reduce_sum(b * b, axis=1)
    distances = tf.maximum(squares - 2 * products, 0.0)
    sizes = [scale * 2 * a.shape[1] for scale in SCALES]
    kernels = [tf.reduce_sum(size / (size + distances)) for size in sizes]
    return tf.add_n(kernels) / len(kernels)
