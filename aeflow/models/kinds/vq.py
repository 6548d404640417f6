"""Vector-quantised autoencoder (van den Oord et al. 2017, https://arxiv.org/abs/1711.00937).

A latent of `latent_dim` dimensions is cut into parts of `code_dim`, and each part has its own
codebook (product quantisation, Jégou et al. 2011, https://doi.org/10.1109/TPAMI.2010.57). For
example, if a latent has 16 parts and each codebook has 256 entries, a row takes 16 bytes. An entry
is the moving average of the encoder outputs that are nearest to this entry. An entry that is rarely
the nearest is reset to the output of a random row (Dhariwal et al. 2020,
https://arxiv.org/abs/2005.00341). The first step of training resets nearly all entries in this way.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from aeflow.errors import ConfigError
from aeflow.measures import Measure
from aeflow.models.autoencoder import Autoencoder, mean_squared_error, penalised
from aeflow.models.deviation import relative_deviation

__all__ = ["Codebooks", "VectorQuantisedAutoencoder"]

DEAD = 0.1
"""An entry is dead if its use is less than this share of the mean use of all entries."""
TINY = 1e-6


class VectorQuantisedAutoencoder(Autoencoder):
    """Minimises the reconstruction error and the distance of encoder outputs from their entries.

    The reconstruction is decoded from the entries that are nearest to the encoder's outputs.
    """

    measures: ClassVar = {
        "codebook_use": Measure(
            "Codebook entries in use",
            digits=".0%",
            best=max,
            meaning="As informative as {codebook_perplexity:.0f} entries in equal use.",
        )
    }

    def __init__(self, *parts: Any, options: Any, latent_dim: int):
        super().__init__(*parts, options=options, latent_dim=latent_dim)
        self.codebooks = Codebooks(latent_dim, options)

    def prepare(self, *, num_rows: int, num_steps: int):
        """Prepares training. Raises ConfigError if a codebook has more entries than `num_rows`."""
        super().prepare(num_rows=num_rows, num_steps=num_steps)
        if self.options.num_codes > num_rows:
            raise ConfigError(
                f"model.kind.num_codes = {self.options.num_codes} is more than the {num_rows} "
                f"training rows. Choose at most {num_rows}."
            )

    def embed(self, x: tf.Tensor | np.ndarray):
        """Returns the quantised latents z [B, latent_dim] of preprocessed rows x [B, *shape]."""
        z = self.encoder(x, training=False)
        return self.codebooks.quantised(z, self.codebooks.nearest(z))

    def latent_deviation(self, z: np.ndarray, exact: np.ndarray) -> float:
        """Returns the smaller of two values: the share of differing parts, the relative deviation.

        A part differs if another entry was nearest. In a large codebook, two entries are often near
        each other. Rounding then decides between them, but the latents hardly deviate.
        """
        parts = (-1, self.codebooks.code_dim)
        share = float(np.mean(np.any(z.reshape(parts) != exact.reshape(parts), axis=1)))
        return min(share, relative_deviation(z, exact))

    def usage(self, batches: Iterable[tf.Tensor]) -> dict[str, float]:
        """Returns how many codebook entries are used by batches of preprocessed rows [B, *shape].

        Both values are means over the parts. `codebook_use` is the share of entries that at least
        one row uses. `codebook_perplexity` is the exponential of the entropy of the frequencies
        with which entries are used.
        """
        books = self.codebooks
        counts = np.zeros((books.num_parts, books.num_codes))
        for x in batches:
            codes = books.nearest(self.encoder(x, training=False)).numpy()
            counts += [np.bincount(part, minlength=books.num_codes) for part in codes.T]
        shares = counts / counts.sum(axis=1, keepdims=True)
        logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
        return {
            "codebook_use": (counts > 0).mean(),
            "codebook_perplexity": np.exp(-(shares * logs).sum(axis=1)).mean(),
        }

    def loss_terms(self, rows: tf.Tensor, *, training: bool, step: int, seed: int):
        """Returns "loss", "reconstruction" (mean squared error), "commitment" and "perplexity".

        Commitment is the mean squared distance of the encoder's outputs from their entries,
        relative to the variance of the outputs. Perplexity is the effective number of entries that
        this batch uses in a codebook, as a mean over the parts.
        """
        x = self.preprocessing(rows)
        z = self.encoder(x, training=training)
        codes = self.codebooks.nearest(z)
        quantised = self.codebooks.quantised(z, codes)
        if training:
            self.codebooks.update(z, codes, step=step, seed=seed)
        straight_through = z + tf.stop_gradient(quantised - z)
        mse = mean_squared_error(x, self.decoder(straight_through, training=training))
        variance = tf.reduce_mean(tf.math.reduce_variance(z, axis=0)) + TINY
        commitment = tf.reduce_mean(tf.square(z - tf.stop_gradient(quantised))) / variance
        return {
            "loss": penalised(mse, self.options.commitment * commitment),
            "reconstruction": mse,
            "commitment": commitment,
            "perplexity": self.codebooks.perplexity(codes),
        }


class Codebooks(tf.keras.layers.Layer):
    """Holds one codebook for each part of a latent, and moving averages of the use of each entry.

    Shapes: B rows, G parts, K entries, d dimensions in a part. A code is the index of an entry.
    """

    def __init__(self, latent_dim: int, options: Any):
        super().__init__(name="codebooks", trainable=False)
        sizes = range(1, min(options.code_dim, latent_dim) + 1)
        self.code_dim = max(size for size in sizes if latent_dim % size == 0)
        self.num_parts = latent_dim // self.code_dim
        self.num_codes, self.decay = options.num_codes, options.decay
        shape = (self.num_parts, self.num_codes, self.code_dim)
        self.entries = self.add_weight(shape=shape, initializer="zeros", name="entries")
        self.sums = self.add_weight(shape=shape, initializer="zeros", name="sums")
        self.counts = self.add_weight(shape=shape[:2], initializer="zeros", name="counts")
        self.built = True

    def nearest(self, z: tf.Tensor):
        """Returns the codes int32 [B, G] of the entries nearest to the parts of z [B, G d]."""
        parts = self._parts(z)
        squares = tf.reduce_sum(tf.square(self.entries), axis=2)
        products = tf.einsum("bgd,gkd->bgk", parts, self.entries)
        return tf.argmin(squares - 2 * products, axis=2, output_type=tf.int32)

    def quantised(self, z: tf.Tensor, codes: tf.Tensor):
        """Returns z [B, G d] with each part replaced by the entry of its code, int32 [B, G]."""
        entries = tf.gather(self.entries, tf.transpose(codes), batch_dims=1)
        return tf.reshape(tf.transpose(entries, (1, 0, 2)), tf.shape(z))

    def update(self, z: tf.Tensor, codes: tf.Tensor, *, step: int, seed: int) -> None:
        """Moves each entry towards the mean of the parts nearest to it; resets dead entries."""
        parts = tf.stop_gradient(self._parts(z))
        used = tf.one_hot(codes, self.num_codes)
        keep = self.decay
        counts = keep * self.counts + (1 - keep) * tf.reduce_sum(used, axis=0)
        sums = keep * self.sums + (1 - keep) * tf.einsum("bgk,bgd->gkd", used, parts)
        num_rows = tf.shape(z)[0]
        mean_count = tf.cast(num_rows, tf.float32) / self.num_codes
        random_rows = tf.random.stateless_uniform(
            (self.num_codes,), (seed, step), maxval=num_rows, dtype=tf.int32
        )
        random_parts = tf.transpose(tf.gather(parts, random_rows), (1, 0, 2))
        dead = counts < DEAD * mean_count
        counts = tf.where(dead, mean_count, counts)
        sums = tf.where(tf.expand_dims(dead, 2), mean_count * random_parts, sums)
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.entries.assign(sums / tf.expand_dims(counts, 2))

    def perplexity(self, codes: tf.Tensor):
        """Returns the perplexity of the codes int32 [B, G] of a batch, as a mean over the parts.

        The perplexity of a part is the exponential of the entropy of its codes.
        """
        shares = tf.reduce_mean(tf.one_hot(codes, self.num_codes), axis=0)
        entropies = -tf.reduce_sum(shares * tf.math.log(shares + TINY), axis=1)
        return tf.reduce_mean(tf.exp(entropies))

    def _parts(self, z: tf.Tensor):
        return tf.reshape(z, (-1, self.num_parts, self.code_dim))
