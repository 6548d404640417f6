"""Denoising autoencoder (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294)."""

from typing import Any

import tensorflow as tf

from aeflow.errors import ConfigError
from aeflow.models.autoencoder import Autoencoder, mean_squared_error
from aeflow.models.moving import warped
from aeflow.models.preprocessing import Preprocessing

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(Autoencoder):
    """Minimises the mean squared error between clean rows and reconstructions of noisy rows."""

    has_independent_rows = True
    is_denoising = True

    def __init__(self, preprocessing: Preprocessing, *parts: Any, options: Any, latent_dim: int):
        if options.noise == "affine" and not preprocessing.of_images:
            raise ConfigError(
                "The noise 'affine' takes images [H, W, C], not examples of shape "
                f"{tuple(preprocessing.offset.shape)}. Choose another noise."
            )
        super().__init__(preprocessing, *parts, options=options, latent_dim=latent_dim)

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss": the mean squared error of clean rows reconstructed from noisy rows."""
        x = self.preprocessing(rows)
        noisy = self.corrupt(x, step=step, seed=seed)
        x_hat = self.decoder(self.encoder(noisy, training=training), training=training)
        return {"loss": mean_squared_error(x, x_hat)}

    def corrupt(self, x: tf.Tensor, *, step: int, seed: int):
        """Returns preprocessed rows x [B, *shape] with the noise of a training step."""
        options = self.options
        if options.noise == "affine":
            return warped(x, (seed, step), shift=options.noise_shift, zoom=options.noise_zoom)
        if options.noise == "gaussian":
            return x + options.noise_stddev * tf.random.stateless_normal(tf.shape(x), (seed, step))
        chances = tf.random.stateless_uniform(tf.shape(x), (seed, step))
        fraction = options.noise_fraction
        if options.noise == "masking":
            return tf.where(chances < fraction, 0.0, x)
        low, high = self.preprocessing.extremes
        peppered = tf.where(chances < fraction / 2, low, x)
        return tf.where(chances >= 1 - fraction / 2, high, peppered)
