"""The baselines of an evaluation: PCA with as many dimensions as the latent, and the mean image."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

__all__ = ["Baseline", "PrincipalComponents", "fit_pca", "mean_baseline"]

EXACT_COLUMNS = 4096
SAMPLE_ROWS = 10_000

Baseline = Callable[[np.ndarray], np.ndarray]
"""Maps examples float32 [B, *shape], in input units, to reconstructions of the same shape."""


@dataclass(frozen=True)
class PrincipalComponents:
    """Holds components [K, D] as rows, the largest variance first, and the mean [D]."""

    components: np.ndarray
    center: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Returns the coordinates [B, K] of examples [B, *shape]."""
        return (x.reshape(len(x), -1) - self.center) @ self.components.T

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns the reconstruction of examples [B, *shape], of the same shape."""
        return (self.encode(x) @ self.components + self.center).reshape(x.shape)


def fit_pca(
    batches: Iterable[np.ndarray], num_components: int, mean: np.ndarray
) -> PrincipalComponents:
    """Fits principal components to training batches [B, *shape] with mean [*shape].

    If an example has at most 4,096 values, the components are computed exactly, from the covariance
    of all rows. Otherwise, they are computed by a randomised decomposition of the first 10,000 rows
    (https://arxiv.org/abs/0909.4061).
    """
    center = mean.astype(np.float32).ravel()
    centred = (batch.reshape(len(batch), -1) - center for batch in batches)
    if center.size <= EXACT_COLUMNS:
        components = _from_covariance(centred, center.size)[:num_components]
    else:
        rows = _first(centred, SAMPLE_ROWS)
        pca = PCA(min(num_components, len(rows)), svd_solver="randomized", random_state=0)
        components = np.asarray(pca.fit(rows).components_, np.float32)
    return PrincipalComponents(components, center)


def mean_baseline(mean: np.ndarray) -> Baseline:
    """Returns a baseline that reconstructs every example as the mean [*shape]."""
    return lambda x: np.broadcast_to(mean.astype(np.float32), x.shape)


def _from_covariance(centred: Iterator[np.ndarray], size: int) -> np.ndarray:
    """Returns all components [size, size] as rows, the largest variance first."""
    covariance = np.zeros((size, size))
    for batch in centred:
        covariance += batch.T @ batch
    _, vectors = np.linalg.eigh(covariance)
    return vectors.T[::-1].astype(np.float32)


def _first(batches: Iterator[np.ndarray], num_rows: int) -> np.ndarray:
    parts, count = [], 0
    for batch in batches:
        parts.append(batch[: num_rows - count])
        count += len(parts[-1])
        if count == num_rows:
            break
    return np.concatenate(parts)
