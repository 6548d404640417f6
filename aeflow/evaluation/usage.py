"""How a model uses its latent: divergence from a prior by dimension, entries of codebooks."""

from collections.abc import Callable, Iterator

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.evaluation.sampling import read_places, sampled_places
from aeflow.models import Autoencoder
from aeflow.models.kinds.variational import VariationalAutoencoder, divergence
from aeflow.models.kinds.vq import VectorQuantisedAutoencoder
from aeflow.storage import Store
from aeflow.tensorflow import tf

__all__ = ["usage_scores"]

JUDGED_ROWS, BATCH = 10_000, 1024


def usage_scores(
    network: Autoencoder,
    dataset: Dataset,
    store: Store,
    *,
    split: str,
    on_rows: Callable[[], None],
) -> dict[str, np.ndarray]:
    """Returns numbers [] over at most 10,000 judged rows; none for kinds that have no such thing.

    Variational: `kl` is the mean divergence from the prior in nats, `kl_least` and `kl_most` that
    of the dimensions which carry least and most. Quantised: `codebook_use` is the share of entries
    that some row chose, `codebook_perplexity` the exponential of the entropy of the choices, both
    as means over the parts.
    """
    if not isinstance(network, VariationalAutoencoder | VectorQuantisedAutoencoder):
        return {}

    def batches() -> Iterator[tf.Tensor]:
        places = sampled_places(dataset.rows[split], JUDGED_ROWS)
        for sample in read_places(dataset, split, store, places=places):
            for start in range(0, len(sample.rows), BATCH):
                on_rows()
                yield network.preprocessing(sample.rows[start : start + BATCH])

    if isinstance(network, VariationalAutoencoder):
        found = _divergences(network, batches())
    else:
        found = _choices(network, batches())
    return {name: np.array(value) for name, value in found.items()}


def _divergences(
    network: VariationalAutoencoder, batches: Iterator[tf.Tensor]
) -> dict[str, np.floating]:
    total, rows = np.zeros(network.latent_dim), 0
    for x in batches:
        mean, log_variance = network.posterior(x, training=False)
        total += divergence(mean, log_variance).numpy().astype(np.float64) * len(x)
        rows += len(x)
    kl = total / rows
    return {"kl": kl.sum(), "kl_least": kl.min(), "kl_most": kl.max()}


def _choices(
    network: VectorQuantisedAutoencoder, batches: Iterator[tf.Tensor]
) -> dict[str, np.floating]:
    books = network.codebooks
    counts = np.zeros((books.num_parts, books.num_codes))
    for x in batches:
        chosen = books.nearest(network.encoder(x, training=False)).numpy()
        counts += [np.bincount(part, minlength=books.num_codes) for part in chosen.T]
    shares = counts / counts.sum(axis=1, keepdims=True)
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    return {
        "codebook_use": (counts > 0).mean(),
        "codebook_perplexity": np.exp(-(shares * logs).sum(axis=1)).mean(),
    }
