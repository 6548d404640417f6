"""The autoencoder: preprocessing, encoder, latent, decoder, reconstruction.

After "Implementing an Autoencoder in TensorFlow 2.0" (2019): Encoder and Decoder are Keras layers,
Autoencoder is a Keras model. What it minimises belongs to the model, so one trainer fits all kinds.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from aeflow.measures import Measure
from aeflow.models.deviation import largest_deviation
from aeflow.models.preprocessing import Preprocessing

__all__ = ["Autoencoder", "mean_squared_error", "penalised"]


class Autoencoder(tf.keras.Model):
    """Reconstructs its input through a latent; a kind is a subclass with `loss_terms`.

    The attributes are what others ask of a kind, as it is unless the kind says otherwise.
    """

    has_independent_rows: ClassVar[bool] = False
    """Whether the loss is a mean over rows, each of which is seen alone."""
    has_unit_prior: ClassVar[bool] = False
    """Whether each latent dimension in use has a variance near 1."""
    is_generative: ClassVar[bool] = False
    """Whether `sample` returns examples like those of the training split."""
    is_denoising: ClassVar[bool] = False
    """Whether the model is trained to reconstruct clean rows from those that `corrupt` returns."""

    measures: ClassVar[Mapping[str, Measure]] = {}
    """How the health card shows metrics that `usage` returns; it leaves out those without one."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        encoder: tf.keras.layers.Layer,
        decoder: tf.keras.layers.Layer,
        *,
        options: Any,
        latent_dim: int,
    ):
        super().__init__(name="autoencoder")
        self.preprocessing = preprocessing
        self.encoder = encoder
        self.decoder = decoder
        self.options = options
        self.latent_dim = latent_dim
        self.num_steps = 0

    @staticmethod
    def encoder_outputs(latent_dim: int) -> int:
        """Returns how many numbers the encoder emits for a latent of `latent_dim`."""
        return latent_dim

    def prepare(self, *, num_rows: int, num_steps: int) -> None:
        """Hears how many rows it will be trained on, and for how many steps.

        Raises ConfigError where its options do not fit so few rows.
        """
        self.num_steps = num_steps

    def encode(self, rows: tf.Tensor | np.ndarray):
        """Returns the latents z [B, latent_dim] of stored rows [B, *shape]."""
        return self.embed(self.preprocessing(rows))

    def embed(self, x: tf.Tensor | np.ndarray):
        """Returns the latents z [B, latent_dim] of x [B, *shape] in input units."""
        return self.encoder(x, training=False)

    def decode(self, z: tf.Tensor | np.ndarray):
        """Returns the reconstructions x_hat [B, *shape] of latents, in input units."""
        return self.decoder(z, training=False)

    def sample(self, num: int, *, seed: int):
        """Returns decoded samples of the prior N(0, I), x_hat [num, *shape] in input units."""
        return self.decode(tf.random.stateless_normal((num, self.latent_dim), (seed, 0)))

    def corrupt(self, x: tf.Tensor, *, step: int, seed: int):
        """Returns x [B, *shape] in input units with the noise of a step, if the kind adds any."""
        return x

    def usage(self, batches: Iterable[tf.Tensor]) -> dict[str, float]:
        """Returns metrics of how the latent is used over batches of x [B, *shape]."""
        return {}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None):
        """Returns the reconstructions x_hat [B, *shape] of stored rows, in input units."""
        return self.decode(self.encode(inputs))

    def latent_deviation(self, z: np.ndarray, exact: np.ndarray) -> float:
        """Returns how far latents [N, latent_dim] are from others of the same rows: 0 if equal."""
        return largest_deviation(z, exact)

    def loss_terms(
        self, rows: tf.Tensor, *, training: bool, step: int, seed: int
    ) -> dict[str, tf.Tensor]:
        """Returns scalars over stored rows [B, *shape]: "loss" is minimised, the rest reported.

        Whatever is random in it follows from `seed` and `step` alone, so that resuming is exact.
        """
        raise NotImplementedError


def mean_squared_error(x: tf.Tensor, x_hat: tf.Tensor):
    """Returns the mean over all numbers of the squared difference of [B, *shape], a scalar.

    Rows are added up first: XLA adds neighbours of one row one by one, for 7 % of a dense step.
    """
    return tf.reduce_mean(tf.reduce_mean(tf.square(x - x_hat), axis=0))


def penalised(mse: tf.Tensor, penalty: tf.Tensor):
    """Returns mse + mse * penalty, in whose second term the first factor counts as a constant.

    That is the likelihood of a Gaussian whose variance is the error of the moment (Rybkin et al.
    2021, https://arxiv.org/abs/2006.13202), in units of that error, so that the weight of a
    penalty means the same whatever the data's scale and size.
    """
    return mse + tf.stop_gradient(mse) * penalty
