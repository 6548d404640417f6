"""Regularised deterministic autoencoder (Ghosh et al. 2020, https://arxiv.org/abs/1903.12436).

This is RAE-L2. One penalty keeps the latents small. Another penalty keeps the decoder's weights
small, and thereby the decoder smooth. Encoding and decoding are not random. Samples are drawn from
a normal distribution that is fitted to the latents during training.
"""

from typing import Any

import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised

__all__ = ["Moments", "RegularisedAutoencoder"]

MOMENTUM = 0.99
TINY = 1e-5


class RegularisedAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the sizes of the latents and the decoder's weights."""

    is_generative = True

    def __init__(self, *parts: Any, options: Any, latent_dim: int):
        super().__init__(*parts, options=options, latent_dim=latent_dim)
        self.moments = Moments(latent_dim)

    def sample(self, num: int, *, seed: int):
        """Returns x_hat [num, *shape], decoded from samples of the fitted normal distribution."""
        normal = tf.random.stateless_normal((num, self.latent_dim), (seed, 0))
        return self.decode(self.moments.distributed(normal))

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error) and "latent_size".

        The latent size is half the mean square of the latents.
        """
        x = self.preprocessing(rows)
        z = self.encoder(x, training=training)
        mse = mean_squared_error(x, self.decoder(z, training=training))
        if training:
            self.moments.update(z)
        size = 0.5 * tf.reduce_mean(tf.square(z))
        options = self.options
        penalty = options.weight * size + options.decoder_weight * self._decoder_size()
        return {"loss": penalised(mse, penalty), "reconstruction": mse, "latent_size": size}

    def _decoder_size(self):
        """Returns the mean size of the decoder's kernels.

        The size of a kernel is its sum of squares, divided by its number of inputs or outputs,
        whichever is larger.
        """
        kernels = [v for v in self.decoder.trainable_variables if v.shape.rank > 1]
        widths = [tf.cast(tf.reduce_max(tf.shape(k)[-2:]), tf.float32) for k in kernels]
        sizes = [tf.reduce_sum(tf.square(k)) / w for k, w in zip(kernels, widths, strict=True)]
        return tf.add_n(sizes) / len(sizes)


class Moments(tf.keras.layers.Layer):
    """Keeps moving averages of the mean and the second moments of latents [B, d]."""

    def __init__(self, latent_dim: int):
        super().__init__(name="moments", trainable=False)
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")
        self.first = self.add_weight(shape=(latent_dim,), initializer="zeros", name="first")
        self.second = self.add_weight(
            shape=(latent_dim, latent_dim), initializer="zeros", name="second"
        )
        self.built = True

    def update(self, z: tf.Tensor) -> None:
        """Adds a batch of latents [B, d] to the averages.

        The averages start at 0. `weight` is the total weight of all batches so far, by which the
        averages are divided on use.
        """
        z = tf.stop_gradient(z)
        count = tf.cast(tf.shape(z)[0], tf.float32)
        moments = (1.0, tf.reduce_mean(z, axis=0), tf.linalg.matmul(z, z, transpose_a=True) / count)
        for average, value in zip((self.weight, self.first, self.second), moments, strict=True):
            average.assign(MOMENTUM * average + (1 - MOMENTUM) * value)

    def distributed(self, normal: Any):
        """Maps samples of N(0, I) [num, d] to samples of the fitted normal distribution."""
        weight = tf.maximum(self.weight, TINY)
        mean = self.first / weight
        covariance = self.second / weight - mean[:, tf.newaxis] * mean
        jitter = TINY * (1 + tf.reduce_mean(tf.linalg.diag_part(covariance)))
        lower = tf.linalg.cholesky(covariance + jitter * tf.eye(len(mean)))
        return mean + tf.linalg.matmul(normal, lower, transpose_b=True)
