"""How alike the latents of two models are, whatever basis each has chosen.

All take the old latents [N, d] and the new ones [N, e] of the same rows.
"""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from sklearn.neighbors import NearestNeighbors

__all__ = ["linear_r2", "neighbour_overlap", "procrustes_error"]


def procrustes_error(old: np.ndarray, new: np.ndarray) -> float:
    """Returns what the best rotation, reflection, scale and shift leave of a difference, in [0, 1].

    min over orthogonal R and s of |new - s old R|^2, with both centred and divided by their
    Frobenius norms, which is 1 - (sum of the singular values of old' new)^2: 0 where they are the
    same up to those, 1 where unrelated (https://doi.org/10.1007/BF02289451). The narrower latents
    are filled up with zeros; latents that are all the same are like no others.
    """
    width = max(old.shape[1], new.shape[1])
    first, second = (_filled(_normalised(latents), width) for latents in (old, new))
    _, total = orthogonal_procrustes(first, second)
    return float(np.clip(1 - total**2, 0, 1))


def neighbour_overlap(old: np.ndarray, new: np.ndarray, num_neighbours: int) -> float:
    """Returns the mean share of a row's Euclidean nearest neighbours that it has in both."""
    nearest = [
        NearestNeighbors(n_neighbors=num_neighbours).fit(latents).kneighbors(return_distance=False)
        for latents in (old, new)
    ]
    shared = [len(np.intersect1d(*pair)) for pair in zip(*nearest, strict=True)]
    return float(np.mean(shared) / num_neighbours)


def linear_r2(old: np.ndarray, new: np.ndarray) -> float:
    """Returns the R^2 of the linear map, with intercept, that gives the new latents from the old.

    Fitted on every other row and measured on those between, over all numbers of the latents
    together; below 0 where it is worse than their mean.
    """
    inputs = np.column_stack([old.astype(np.float64), np.ones(len(old))])
    outputs = new.astype(np.float64)
    solution = np.linalg.lstsq(inputs[::2], outputs[::2])[0]
    held_out = outputs[1::2]
    total = np.square(held_out - held_out.mean(axis=0)).sum()
    left = np.square(held_out - inputs[1::2] @ solution).sum()
    return float(1 - left / total) if total > 0 else 0.0


def _normalised(latents: np.ndarray) -> np.ndarray:
    centred = latents.astype(np.float64) - latents.mean(axis=0, dtype=np.float64)
    return centred / (np.linalg.norm(centred) or 1.0)


def _filled(latents: np.ndarray, width: int) -> np.ndarray:
    return np.pad(latents, ((0, 0), (0, width - latents.shape[1])))
