"""The forward pass of a model: from stored rows to latents, reconstructions and errors.

All batches have one fixed shape, and the last batch is padded. The bits of a row's latent therefore
depend only on the position of the row in its shard.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import tensorflow as tf

from aeflow.compute.overlap import ahead
from aeflow.errors import TransientError
from aeflow.models.autoencoder import Autoencoder
from aeflow.schema import ExampleSchema

__all__ = ["Encoded", "Inference", "Reconstructed"]

BATCHES_IN_FLIGHT = 3
"""The number of batches in progress at once.

Some batches are copied while others are computed, so that no core is idle.
"""

logger = logging.getLogger(__name__)

OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Encoded:
    """Holds latents [N, latent_dim] and the mean squared reconstruction error of each row [N].

    The errors are computed on preprocessed rows.
    """

    latents: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class Reconstructed:
    """Holds one batch: latents [B, latent_dim], rows and reconstructions [B, *shape].

    Rows and reconstructions have the units of stored rows.
    """

    latents: np.ndarray
    rows: np.ndarray
    reconstructions: np.ndarray


class Inference:
    """Runs a model over stored rows in batches of one fixed size."""

    def __init__(self, model: Autoencoder, schema: ExampleSchema, batch_size: int):
        self.batch_size = batch_size
        self._model = model
        self._rows = tf.TensorSpec((batch_size, *schema.shape), tf.as_dtype(schema.dtype))

    @classmethod
    def that_fits(
        cls, model: Autoencoder, schema: ExampleSchema, batch_size: int, *, with_errors: bool
    ) -> "Inference":
        """Returns an inference with batches that fit into memory.

        If batches of `batch_size` rows do not fit, the size is halved until they do. Raises
        TransientError if not even one row fits.
        """
        while batch_size:
            inference = cls(model, schema, batch_size)
            try:
                rows = np.zeros((BATCHES_IN_FLIGHT * batch_size, *schema.shape), schema.dtype)
                inference.encode(rows) if with_errors else inference.latents(rows)
            except (MemoryError, tf.errors.ResourceExhaustedError):
                logger.warning("A batch of %d rows does not fit into memory.", batch_size)
                batch_size //= 2
            else:
                return inference
        raise TransientError(
            f"There is not enough memory left for a batch of one row of shape {schema.shape}. Free "
            "memory, or use a machine that has more."
        )

    def encode(self, rows: np.ndarray, on_rows: OnRows = lambda count: None) -> Encoded:
        """Returns latents and reconstruction errors of stored rows [N, *shape].

        `on_rows` is called after each batch with the number of its rows.
        """
        (encoded,) = self.encode_each([rows], on_rows)
        return encoded

    def latents(self, rows: np.ndarray, on_rows: OnRows = lambda count: None) -> np.ndarray:
        """Returns latents [N, latent_dim] of stored rows [N, *shape], without decoding them."""
        (latents,) = self.latents_each([rows], on_rows)
        return latents

    def encode_each(
        self, arrays: Iterable[np.ndarray], on_rows: OnRows = lambda count: None
    ) -> Iterator[Encoded]:
        """Yields latents and reconstruction errors of each array of stored rows [N, *shape].

        The next batches are computed while the caller uses the yielded results.
        """
        for latents, errors in self._passes(self._encode, arrays, on_rows):
            yield Encoded(latents, errors)

    def latents_each(
        self, arrays: Iterable[np.ndarray], on_rows: OnRows = lambda count: None
    ) -> Iterator[np.ndarray]:
        """Yields latents of each array of stored rows [N, *shape], without decoding them."""
        for (latents,) in self._passes(self._latents, arrays, on_rows):
            yield latents

    def reconstruct(self, rows: np.ndarray) -> Iterator[Reconstructed]:
        """Yields batches of latents and reconstructions of stored rows [N, *shape]."""
        for batch, count in self._batches(rows):
            z, x_hat = self._reconstruct(tf.constant(batch))
            yield Reconstructed(z.numpy()[:count], batch[:count], x_hat.numpy()[:count])

    def _passes(
        self, forward: Callable[..., Any], arrays: Iterable[np.ndarray], on_rows: OnRows
    ) -> Iterator[list[np.ndarray]]:
        """Yields the results of `forward` for each array.

        The next batches are computed while the caller uses the yielded results.
        """

        def compute(batch: np.ndarray, count: int) -> list[np.ndarray]:
            outputs = tf.nest.flatten(forward(tf.constant(batch)))
            return [tensor.numpy()[:count] for tensor in outputs]

        with ThreadPoolExecutor(BATCHES_IN_FLIGHT, thread_name_prefix="forward") as pool:
            futures = (
                (pool.submit(compute, batch, count), number)
                for number, rows in enumerate(arrays)
                for batch, count in self._batches(rows)
            )
            for _, batches in groupby(ahead(futures, BATCHES_IN_FLIGHT), key=itemgetter(1)):
                results = []
                for batch, _ in batches:
                    results.append(batch.result())
                    on_rows(len(results[-1][0]))
                yield [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def _batches(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        for start in range(0, len(rows), self.batch_size):
            batch = rows[start : start + self.batch_size]
            count = len(batch)
            if count < self.batch_size:
                padding = np.zeros((self.batch_size - count, *batch.shape[1:]), batch.dtype)
                batch = np.concatenate([batch, padding])
            yield batch, count

    @cached_property
    def _encode(self):
        return tf.function(self._encode_batch, autograph=False).get_concrete_function(self._rows)

    @cached_property
    def _latents(self):
        return tf.function(self._model.encode, autograph=False).get_concrete_function(self._rows)

    @cached_property
    def _reconstruct(self):
        return tf.function(self._reconstruct_batch, autograph=False).get_concrete_function(
            self._rows
        )

    def _encode_batch(self, rows: tf.Tensor):
        x = self._model.preprocessing(rows)
        z = self._model.embed(x)
        differences = tf.reshape(x - self._model.decode(z), [self.batch_size, -1])
        return z, tf.reduce_mean(tf.square(differences), axis=1)

    def _reconstruct_batch(self, rows: tf.Tensor):
        z = self._model.encode(rows)
        return z, self._model.preprocessing.invert(self._model.decode(z))
