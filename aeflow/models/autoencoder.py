"""The autoencoder: preprocessing, encoder, latent, decoder, reconstruction.

After "Implementing an Autoencoder in TensorFlow 2.0" (2019): the encoder and the decoder are Keras
layers, and the autoencoder is a Keras model. The model computes its own loss. One training loop
therefore serves all kinds.
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
    """Encodes rows as latents and decodes latents to reconstructions. Each kind is a subclass.

    A kind defines `loss_terms`. Training and evaluation read the properties of a kind from the
    class attributes, and a kind overrides the defaults that are wrong for it. Stored rows have the
    units of the dataset. Preprocessed rows, latents and reconstructions are float32.
    """

    has_independent_rows: ClassVar[bool] = False
    """Whether the loss is a mean over rows, and the term of each row depends on that row alone."""
    has_unit_prior: ClassVar[bool] = False
    """Whether each latent dimension in use has a variance near 1."""
    is_generative: ClassVar[bool] = False
    """Whether `sample` returns examples like those of the training split."""
    is_denoising: ClassVar[bool] = False
    """Whether the model is trained to reconstruct clean rows from rows that `corrupt` changed."""

    measures: ClassVar[Mapping[str, Measure]] = {}
    """How the health card shows the metrics that `usage` returns, by metric name.

    The card leaves out metrics without a measure.
    """

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
        """Returns the number of encoder outputs for a latent of `latent_dim` dimensions."""
        return latent_dim

    def prepare(self, *, num_rows: int, num_steps: int) -> None:
        """Prepares training on `num_rows` rows for `num_steps` steps in total.

        Raises ConfigError if the options of the kind need more rows.
        """
        self.num_steps = num_steps

    def encode(self, rows: tf.Tensor | np.ndarray):
        """Returns the latents z [B, latent_dim] of stored rows [B, *shape]."""
        return self.embed(self.preprocessing(rows))

    def embed(self, x: tf.Tensor | np.ndarray):
        """Returns the latents z [B, latent_dim] of preprocessed rows x [B, *shape]."""
        return self.encoder(x, training=False)

    def decode(self, z: tf.Tensor | np.ndarray):
        """Returns the reconstructions x_hat [B, *shape] of latents z [B, latent_dim].

        Reconstructions have the units of preprocessed rows.
        """
        return self.decoder(z, training=False)

    def sample(self, num: int, *, seed: int):
        """Returns x_hat [num, *shape], decoded from random samples of the prior N(0, I).

        The examples have the units of preprocessed rows.
        """
        return self.decode(tf.random.stateless_normal((num, self.latent_dim), (seed, 0)))

    def corrupt(self, x: tf.Tensor, *, step: int, seed: int):
        """Returns preprocessed rows x [B, *shape] with the noise of a training step.

        A kind that adds no noise returns x unchanged.
        """
        return x

    def usage(self, batches: Iterable[tf.Tensor]) -> dict[str, float]:
        """Returns metrics of how the latents of batches of preprocessed rows [B, *shape] are used.

        A kind without such metrics returns {}.
        """
        return {}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None):
        """Returns the reconstructions x_hat [B, *shape] of stored rows [B, *shape].

        Reconstructions have the units of preprocessed rows.
        """
        return self.decode(self.encode(inputs))

    def latent_deviation(self, z: np.ndarray, exact: np.ndarray) -> float:
        """Returns the deviation of latents z [N, latent_dim] from the `exact` latents.

        The deviation is 0 if both are equal.
        """
        return largest_deviation(z, exact)

    def loss_terms(
        self, rows: tf.Tensor, *, training: bool, step: int, seed: int
    ) -> dict[str, tf.Tensor]:
        """Returns the scalar loss terms of stored rows [B, *shape], by name.

        Training minimises the term "loss" and reports all terms.
        Random values depend only on `seed` and `step`, so that a resumed run repeats them exactly.
        """
        raise NotImplementedError


def mean_squared_error(x: tf.Tensor, x_hat: tf.Tensor):
    """Returns the mean squared difference over all values of [B, *shape] as a scalar.

    The mean over rows is taken first. Otherwise XLA adds the values of a row one by one, and a
    training step of the dense network takes 7 % more time.
    """
    return tf.reduce_mean(tf.reduce_mean(tf.square(x - x_hat), axis=0))


def penalised(mse: tf.Tensor, penalty: tf.Tensor):
    """Returns mse + mse * penalty. No gradient flows through the mse in the second term.

    This loss follows from the likelihood of a Gaussian whose variance is the current mse (Rybkin et
    al. 2021, https://arxiv.org/abs/2006.13202), in units of the mse. The weight of a penalty
    therefore means the same for data of any scale and size.
    """
    return mse + tf.stop_gradient(mse) * penalty
