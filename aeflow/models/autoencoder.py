"""The autoencoder: preprocessing, encoder, latent, decoder, reconstruction.

After "Implementing an Autoencoder in TensorFlow 2.0" (2019): Encoder and Decoder are Keras layers,
Autoencoder is a Keras model. What it minimises belongs to the model, so one trainer fits all kinds.
"""

from typing import Any

import tensorflow as tf

from aeflow.models.preprocessing import Preprocessing

__all__ = ["Autoencoder", "mean_squared_error"]


class Autoencoder(tf.keras.Model):
    """Reconstructs its input through a latent; a kind is a subclass with `loss_terms`."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        encoder: tf.keras.layers.Layer,
        decoder: tf.keras.layers.Layer,
        *,
        options: Any,
    ):
        super().__init__(name="autoencoder")
        self.preprocessing = preprocessing
        self.encoder = encoder
        self.decoder = decoder
        self.options = options

    @staticmethod
    def encoder_outputs(latent_dim: int) -> int:
        """Returns how many numbers the encoder emits for a latent of `latent_dim`."""
        return latent_dim

    def encode(self, rows):
        """Returns the latents z [B, latent_dim] of stored rows [B, *shape]."""
        return self.encoder(self.preprocessing(rows), training=False)

    def decode(self, z):
        """Returns the reconstructions x_hat [B, *shape] of latents, in input units."""
        return self.decoder(z, training=False)

    def call(self, inputs, training=None, mask=None):
        """Returns the reconstructions x_hat [B, *shape] of stored rows, in input units."""
        return self.decode(self.encode(inputs))

    def loss_terms(self, rows, *, training: bool, step, seed: int) -> dict[str, tf.Tensor]:
        """Returns scalars over stored rows [B, *shape]: "loss" is minimised, the rest reported.

        Whatever is random in it follows from `seed` and `step` alone, so that resuming is exact.
        """
        raise NotImplementedError


def mean_squared_error(x, x_hat):
    """Returns the mean over all numbers of the squared difference of [B, *shape], a scalar."""
    return tf.reduce_mean(tf.square(x - x_hat))
