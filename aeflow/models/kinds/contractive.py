"""Contractive autoencoder (Rifai et al. 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf).

The norm of the encoder's Jacobian J is estimated, so that any network can be used:
E |J v|^2 = |J|_F^2 for normal v (Hutchinson 1989), and J v is approximated by the difference of two
outputs. Rifai et al. tie the decoder's weights to those of the encoder, so that the latents cannot
simply shrink. Here, the norm is divided by the variance of the latents instead.
"""

import tensorflow as tf

from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised

__all__ = ["ContractiveAutoencoder"]

DISTANCE = 0.01
TINY = 1e-6


class ContractiveAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the squared norm of the encoder's Jacobian."""

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error) and "contraction" (the penalty).

        The penalty is |J|_F^2 divided by the summed variance of the latents. J is the Jacobian of
        the latents with respect to preprocessed rows.
        """
        x = self.preprocessing(rows)
        direction = tf.random.stateless_normal(tf.shape(x), (seed, step))
        outputs = self.encoder(tf.concat([x, x + DISTANCE * direction], 0), training=training)
        z, z_nearby = tf.split(outputs, 2)
        mse = mean_squared_error(x, self.decoder(z, training=training))
        change = tf.reduce_mean(tf.square((z_nearby - z) / DISTANCE))
        variance = tf.reduce_mean(tf.math.reduce_variance(z, axis=0))
        penalty = change / (variance + TINY)
        loss = penalised(mse, self.options.weight * penalty)
        return {"loss": loss, "reconstruction": mse, "contraction": penalty}
