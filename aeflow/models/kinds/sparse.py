"""Sparse autoencoder (Ng 2011, CS294A lecture notes; Olshausen & Field 1996).

The size of the latents is measured relative to their root mean square (Hoyer 2004,
https://www.jmlr.org/papers/v5/hoyer04a.html). Otherwise the latents would simply shrink, and the
decoder's weights would grow.
"""

import numpy as np
import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised

__all__ = ["SparseAutoencoder", "relative_size"]

TINY = 1e-6


class SparseAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the number of latent dimensions active at a time."""

    def embed(self, x: tf.Tensor | np.ndarray):
        """Returns the latents z [B, latent_dim] of preprocessed rows x [B, *shape].

        With the penalty "kl", the latents are in (0, 1).
        """
        return self._active(self.encoder(x, training=False))

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error) and "sparsity" (the penalty)."""
        x = self.preprocessing(rows)
        z = self._active(self.encoder(x, training=training))
        mse = mean_squared_error(x, self.decoder(z, training=training))
        penalty = relative_size(z) if self.options.penalty == "l1" else self._activity_divergence(z)
        loss = penalised(mse, self.options.weight * penalty)
        return {"loss": loss, "reconstruction": mse, "sparsity": penalty}

    def _active(self, z: tf.Tensor):
        return tf.sigmoid(z) if self.options.penalty == "kl" else z

    def _activity_divergence(self, z: tf.Tensor):
        """Returns the divergence of a dimension's mean activity from rho, in nats.

        The result is the mean over dimensions.
        """
        rho = self.options.rho
        activity = tf.clip_by_value(tf.reduce_mean(z, axis=0), TINY, 1 - TINY)
        kl = rho * tf.math.log(rho / activity) + (1 - rho) * tf.math.log((1 - rho) / (1 - activity))
        return tf.reduce_mean(kl)


def relative_size(z: tf.Tensor):
    """Returns the mean absolute value of z [B, d], divided by the root mean square of z.

    The quotient is 0.80 if z is normally distributed with mean 0, and less if z is sparse.
    """
    return tf.reduce_mean(tf.abs(z)) / tf.sqrt(tf.reduce_mean(tf.square(z)) + TINY)
