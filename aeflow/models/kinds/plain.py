"""Plain autoencoder (Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647)."""

import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error

__all__ = ["PlainAutoencoder"]


class PlainAutoencoder(Autoencoder):
    """Minimises the mean squared reconstruction error."""

    has_independent_rows = True

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss": the mean squared reconstruction error of stored rows."""
        x = self.preprocessing(rows)
        x_hat = self.decoder(self.encoder(x, training=training), training=training)
        return {"loss": mean_squared_error(x, x_hat)}
