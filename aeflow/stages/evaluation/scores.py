"""Scores of latents: how well they classify, and how they use their dimensions.

A score has either one value for all rows, or one value for each judged row. Values per row are
averaged.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

__all__ = [
    "SCORES",
    "Space",
    "dead_dimensions",
    "effective_rank",
    "knn_accuracy",
    "neighbour_recall",
    "probe_accuracy",
    "scores_of",
    "standardised",
]

NEIGHBOURS = 10
MOST_LABELS = 1000
"""Classification is not scored if there are more labels, because these are likely to be ids."""
PROBE_TOLERANCE = 1e-3
"""The fit of a linear probe stops once its gradient is within this tolerance.

A tenth of this tolerance raises the accuracy on Fashion-MNIST by 0.3 points, for a model and for
PCA alike.
"""
DEAD_SHARE, DEAD_VARIANCE = 1e-3, 1e-2


@dataclass(frozen=True)
class Space:
    """Holds latents of training rows [M, D] and of judged rows [N, D], with labels and inputs.

    `compared_places` [R] are the indices of the judged rows whose neighbours are compared. `inputs`
    [R, P] are these rows in input units. Without labels (None), classification is not scored.
    `has_unit_prior` says whether each dimension in use has a variance near 1, as in a variational
    autoencoder.
    """

    fitted_latents: np.ndarray
    judged_latents: np.ndarray
    inputs: np.ndarray
    compared_places: np.ndarray
    fitted_labels: pa.Array | None = None
    judged_labels: pa.Array | None = None
    has_unit_prior: bool = False


def probe_accuracy(space: Space) -> np.ndarray:
    """Returns 1 for each labelled row that logistic regression classifies correctly, else 0.

    The regression is fitted to standardised latents of training rows
    (https://arxiv.org/abs/1610.01644).
    """
    probe = LogisticRegression(tol=PROBE_TOLERANCE)
    with warnings.catch_warnings():  # a probe counts even if it has not converged
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _is_correct(space, probe)


def knn_accuracy(space: Space) -> np.ndarray:
    """Returns 1 for each labelled row that its 10 nearest training rows classify correctly, else 0.

    The distance is the Euclidean distance between standardised latents.
    """
    return _is_correct(space, KNeighborsClassifier(NEIGHBOURS, algorithm="brute"))


def neighbour_recall(space: Space) -> np.ndarray:
    """Returns which share of the 10 nearest rows by input are also the 10 nearest rows by latent.

    There is one value for each compared row. Neighbours are searched among the compared rows.
    """
    count = min(NEIGHBOURS, len(space.inputs) - 1)
    if count < 1:
        return np.ones(len(space.inputs))
    near = [
        _nearest(points, count)
        for points in (space.inputs, space.judged_latents[space.compared_places])
    ]
    shared = (near[0][:, :, None] == near[1][:, None, :]).any(axis=2)
    return shared.mean(axis=1)


def dead_dimensions(space: Space) -> np.ndarray:
    """Returns the number of dead dimensions, which hardly vary over the judged rows.

    In a space with a unit prior, a dimension is dead if its variance is at most 0.01
    (https://arxiv.org/abs/1509.00519). In other spaces, a dimension is dead if its variance is at
    most a thousandth of the mean variance of all dimensions.
    """
    variances = space.judged_latents.var(axis=0, dtype=np.float64)
    smallest = DEAD_VARIANCE if space.has_unit_prior else DEAD_SHARE * variances.mean()
    return np.array(float((variances <= smallest).sum()))


def effective_rank(space: Space) -> np.ndarray:
    """Returns how many directions the latents spread over: 1 to D, or 0 if all latents are equal.

    Each singular value of the centred latents is divided by the sum of all singular values. The
    result is the exponential of the entropy of these shares (Roy & Vetterli,
    https://ieeexplore.ieee.org/document/7098875; for features, https://arxiv.org/abs/2210.02885).
    """
    centred = space.judged_latents - space.judged_latents.mean(axis=0, dtype=np.float64)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(centred.T @ centred), 0))
    if values.sum() == 0:
        return np.array(0.0)
    shares = values[values > 0] / values.sum()
    return np.array(np.exp(-(shares * np.log(shares)).sum()))


SCORES: dict[str, Callable[[Space], np.ndarray]] = {
    "probe_accuracy": probe_accuracy,
    "knn_accuracy": knn_accuracy,
    "neighbour_recall": neighbour_recall,
    "dead_dimensions": dead_dimensions,
    "effective_rank": effective_rank,
}
"""Maps the name of a score to its function, which returns a value per row [N] or one value []."""

FOR_LABELS = ("probe_accuracy", "knn_accuracy")


def scores_of(space: Space) -> dict[str, Callable[[Space], np.ndarray]]:
    """Returns the functions in SCORES that apply to a space, by name.

    Classification needs labelled judged rows, and at least 10 labelled training rows with 2 to
    1,000 different labels. If a latent is not finite, every function is replaced by one that
    returns nan.
    """
    can_classify = _can_classify(space)
    names = [name for name in SCORES if can_classify or name not in FOR_LABELS]
    is_finite = np.isfinite(space.fitted_latents).all() and np.isfinite(space.judged_latents).all()
    return {name: SCORES[name] if is_finite else _unknown for name in names}


def standardised(reference: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns `reference` [M, D] and `latents` [N, D], both standardised.

    The mean and the standard deviation are those of `reference`.
    """
    mean, std = reference.mean(axis=0), reference.std(axis=0)
    scale = np.where(std > 0, std, 1)
    return (reference - mean) / scale, (latents - mean) / scale


def _unknown(_space: Space) -> np.ndarray:
    return np.array(np.nan)


def _can_classify(space: Space) -> bool:
    if space.fitted_labels is None or space.judged_labels is None:
        return False
    if space.judged_labels.null_count == len(space.judged_labels):
        return False
    labels = len(space.fitted_labels.drop_null().unique())
    rows = len(space.fitted_labels) - space.fitted_labels.null_count
    return 2 <= labels <= MOST_LABELS and rows >= NEIGHBOURS


def _is_correct(space: Space, classifier: LogisticRegression | KNeighborsClassifier) -> np.ndarray:
    has_fitted_label, has_judged_label = (
        labels.is_valid().to_numpy(zero_copy_only=False) for labels in _labels(space)
    )
    reference, latents = standardised(
        space.fitted_latents[has_fitted_label], space.judged_latents[has_judged_label]
    )
    labels, expected = (
        values.drop_null().to_numpy(zero_copy_only=False) for values in _labels(space)
    )
    predictions = classifier.fit(reference, labels).predict(latents)
    return (predictions == expected).astype(np.float64)


def _labels(space: Space) -> tuple[pa.Array, pa.Array]:
    if space.fitted_labels is None or space.judged_labels is None:
        raise ValueError(
            "Classification needs labels of the fitted and the judged rows, but the space lacks "
            "them. Call only the functions that scores_of returns."
        )
    return space.fitted_labels, space.judged_labels


def _nearest(points: np.ndarray, count: int) -> np.ndarray:
    """Returns for each of N points the indices [N, count] of the other points nearest to it."""
    index = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    return index.kneighbors(return_distance=False)
