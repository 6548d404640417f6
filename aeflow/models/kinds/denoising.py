"""Denoising autoencoder (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294)."""

import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(Autoencoder):
    """Minimises the mean squared error between clean input and what noisy input is decoded to."""

    def loss_terms(self, rows, *, training, step, seed):
        """Returns the error of reconstructing clean rows from noisy ones as "loss"."""
        x = self.preprocessing(rows)
        noise = tf.random.stateless_normal(tf.shape(x), seed=(seed, step))
        noisy = x + self.options.noise_stddev * noise
        x_hat = self.decoder(self.encoder(noisy, training=training), training=training)
        return {"loss": mean_squared_error(x, x_hat)}
