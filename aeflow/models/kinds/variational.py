"""Variational autoencoder (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114).

This kind has a beta (Higgins et al. 2017), a warm-up of beta (Sønderby et al. 2016,
https://arxiv.org/abs/1602.02282) and free bits (Kingma et al. 2016,
https://arxiv.org/abs/1606.04934). The likelihood is a Gaussian with a single variance, the current
mean squared error; `penalised` says why.
"""

from collections.abc import Iterable
from math import prod
from typing import ClassVar

import numpy as np
import tensorflow as tf

from aeflow.measures import Measure
from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised

__all__ = ["VariationalAutoencoder", "divergence"]

LOG_VARIANCES = (-12.0, 6.0)


class VariationalAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the divergence of the posterior from N(0, I).

    The reconstruction is decoded from a sample of the posterior.
    """

    has_unit_prior = True
    is_generative = True
    measures: ClassVar = {
        "kl": Measure(
            "Divergence from the prior",
            digits=".1f",
            meaning="Nats per row; a dimension has between {kl_least:.2f} and {kl_most:.2f}.",
        )
    }

    @staticmethod
    def encoder_outputs(latent_dim: int) -> int:
        """Returns 2 * latent_dim: a mean and the logarithm of a variance for each dimension."""
        return 2 * latent_dim

    def embed(self, x: tf.Tensor | np.ndarray):
        """Returns the posterior means [B, latent_dim] of preprocessed rows x [B, *shape]."""
        mean, _ = self.posterior(x, training=False)
        return mean

    def posterior(self, x: tf.Tensor | np.ndarray, *, training: bool):
        """Returns the posterior's means and logarithms of variances, [B, latent_dim] each."""
        mean, log_variance = tf.split(self.encoder(x, training=training), 2, axis=1)
        return mean, tf.clip_by_value(log_variance, *LOG_VARIANCES)

    def usage(self, batches: Iterable[tf.Tensor]) -> dict[str, float]:
        """Returns divergences of the posterior from the prior, in nats, as means over all rows.

        `kl` is the divergence summed over dimensions. `kl_least` and `kl_most` are the smallest and
        the largest divergence of a dimension.
        """
        total, rows = np.zeros(self.latent_dim), 0
        for x in batches:
            mean, log_variance = self.posterior(x, training=False)
            total += divergence(mean, log_variance).numpy().astype(np.float64) * len(x)
            rows += len(x)
        kl = total / rows
        return {"kl": kl.sum(), "kl_least": kl.min(), "kl_most": kl.max()}

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error) and "kl" (nats per row).

        For rows of D values, the negative lower bound is D / (2 variance) * error + beta * kl.
        In units of 2 variance / D, the bound is error + 2 variance / D * beta * kl.
        """
        x = self.preprocessing(rows)
        mean, log_variance = self.posterior(x, training=training)
        noise = tf.random.stateless_normal(tf.shape(mean), (seed, step))
        x_hat = self.decoder(mean + tf.exp(0.5 * log_variance) * noise, training=training)
        mse = mean_squared_error(x, x_hat)
        kl = divergence(mean, log_variance)
        kl_with_free_bits = tf.reduce_sum(tf.maximum(kl, self.options.free_bits))
        beta = self._beta(step) if training else self.options.beta
        loss = penalised(mse, 2 * beta / prod(x.shape[1:]) * kl_with_free_bits)
        return {"loss": loss, "reconstruction": mse, "kl": tf.reduce_sum(kl)}

    def _beta(self, step: int):
        """Returns beta at a step; beta rises linearly from 0 during the warm-up.

        There is no warm-up until `prepare` has set the number of steps.
        """
        num_steps = self.options.warmup_fraction * self.num_steps
        if num_steps < 1:
            return self.options.beta
        return self.options.beta * tf.minimum(tf.cast(step, tf.float32) / num_steps, 1.0)


def divergence(mean: tf.Tensor, log_variance: tf.Tensor):
    """Returns the divergence [d] of each dimension from N(0, 1), in nats, as a mean over rows.

    `mean` and `log_variance` [B, d] describe the normal distributions of the rows.
    """
    kl = 0.5 * (tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0)
    return tf.reduce_mean(kl, axis=0)
