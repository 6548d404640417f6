"""Measures of how similar two models' latents are, independent of the basis that each model uses.

Every function takes the old latents [N, d] and the new latents [N, e] of the same rows.
"""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from sklearn.neighbors import NearestNeighbors

__all__ = ["linear_r2", "neighbour_overlap", "procrustes_error"]


def procrustes_error(old: np.ndarray, new: np.ndarray) -> float:
    """Returns the difference that the best rotation, reflection, scale and shift leave, in [0, 1].

    The value is the minimum of |new - s old R|^2 over orthogonal R and s, with both latents centred
    and divided by their Frobenius norms. It equals 1 - (sum of the singular values of old' new)^2.
    It is 0 if the latents are the same up to such a map, and 1 if they are unrelated
    (https://doi.org/10.1007/BF02289451). The narrower latents are padded with zeros. The value is 1
    if the latents of a model are all the same.
    """
    width = max(old.shape[1], new.shape[1])
    first, second = (_padded(_normalised(latents), width) for latents in (old, new))
    _, total = orthogonal_procrustes(first, second)
    return float(np.clip(1 - total**2, 0, 1))


def neighbour_overlap(old: np.ndarray, new: np.ndarray, num_neighbours: int) -> float:
    """Returns the mean share of a row's nearest neighbours that are the same in both latents.

    The distance is the Euclidean distance.
    """
    nearest = [
        NearestNeighbors(n_neighbors=num_neighbours).fit(latents).kneighbors(return_distance=False)
        for latents in (old, new)
    ]
    shared = [len(np.intersect1d(*pair)) for pair in zip(*nearest, strict=True)]
    return float(np.mean(shared) / num_neighbours)


def linear_r2(old: np.ndarray, new: np.ndarray) -> float:
    """Returns the R^2 of the linear map, with intercept, from the old latents to the new ones.

    The map is fitted to every other row, and R^2 is measured on the remaining rows, over all
    dimensions together. The value is below 0 if the map predicts worse than the mean.
    """
    inputs = np.column_stack([old.astype(np.float64), np.ones(len(old))])
    outputs = new.astype(np.float64)
    solution = np.linalg.lstsq(inputs[::2], outputs[::2])[0]
    held_out = outputs[1::2]
    total = np.square(held_out - held_out.mean(axis=0)).sum()
    residual = np.square(held_out - inputs[1::2] @ solution).sum()
    return float(1 - residual / total) if total > 0 else 0.0


def _normalised(latents: np.ndarray) -> np.ndarray:
    centred = latents.astype(np.float64) - latents.mean(axis=0, dtype=np.float64)
    return centred / (np.linalg.norm(centred) or 1.0)


def _padded(latents: np.ndarray, width: int) -> np.ndarray:
    return np.pad(latents, ((0, 0), (0, width - latents.shape[1])))
