"""Shifts of errors and latents from a reference: their size, and their probability by chance."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.stats import chi2_contingency, ks_2samp, mannwhitneyu
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from aeflow.models.inference import Encoded
from aeflow.stages.comparison.stability import counts_by_decile, psi, psi_by_chance

__all__ = ["CLUSTERS", "DOMAINS", "ERROR", "Shift", "can_detect", "ordered", "shifts"]

ERROR, CLUSTERS, DOMAINS = "reconstruction_error", "latent_clusters", "latent_domains"
ROWS_A_CLUSTER, MAX_CLUSTERS, MAX_CLUSTERED = 10, 40, 20_000

AUROC, NUM_TREES, LEAF_ROWS = "AUROC of a classifier", 50, 5
MIN_CLASSIFIED, MAX_CLASSIFIED = 50, 5_000


@dataclass(frozen=True)
class Shift:
    """Describes how far one column moved from the reference.

    `p` is the p-value of `statistic` times the number of columns (Bonferroni). `psi` is the
    population stability index, and `psi_by_chance` is the mean of this index without drift.
    """

    column: str
    test: str
    statistic: float
    p: float
    psi: float
    psi_by_chance: float


def shifts(reference: Encoded, rows: Encoded) -> Iterator[Shift]:
    """Yields the shifts of the errors, of each latent dimension, and of all latents together."""
    num_tests = reference.latents.shape[1] + 3
    yield _shift_of_column(ERROR, reference.errors, rows.errors, num_tests)
    for i, (before, after) in enumerate(zip(reference.latents.T, rows.latents.T, strict=True)):
        yield _shift_of_column(f"z_{i:03d}", before, after, num_tests)
    yield _shift_of_clusters(reference.latents, rows.latents, num_tests)
    yield _shift_of_domains(reference.latents, rows.latents, num_tests)


def can_detect(num_reference: int, num_rows: int, *, num_tests: int, significance: float) -> bool:
    """Returns whether two sets of these sizes can differ significantly, whatever their values."""
    _, p = _kolmogorov_smirnov(np.zeros(num_reference), np.ones(num_rows))
    return p * num_tests < significance


def _shift_of_column(name: str, before: np.ndarray, after: np.ndarray, num_tests: int) -> Shift:
    before, after = ordered(before), ordered(after)
    statistic, p = _kolmogorov_smirnov(before, after)
    counts = np.stack(counts_by_decile(before, after))
    return _shift(name, "Kolmogorov-Smirnov", counts, statistic=statistic, p=p * num_tests)


def ordered(values: np.ndarray) -> np.ndarray:
    """Replaces nan by infinity, so that nan counts as larger than all finite values."""
    return np.nan_to_num(values.astype(np.float64), nan=np.inf, posinf=np.inf, neginf=-np.inf)


def _kolmogorov_smirnov(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    test: Any = ks_2samp(before, after)
    return float(test.statistic), float(test.pvalue)


def _shift_of_clusters(before: np.ndarray, after: np.ndarray, num_tests: int) -> Shift:
    """Compares how many rows fall into each cluster of latents, which no single dimension shows.

    A class that is missing hardly moves single columns (Fashion-MNIST without bags: PSI 0.03 at
    most) but clearly moves the clusters (0.25). The clusters are fitted to both sets together. If
    they were fitted to a small reference alone, other rows of the same distribution would seem to
    have drifted.
    """
    sets = [latents[:: -(-len(latents) // MAX_CLUSTERED)] for latents in (before, after)]
    num_clusters = min(*map(len, sets)) // ROWS_A_CLUSTER
    clusters = _clusters(np.concatenate(sets), int(np.clip(num_clusters, 2, MAX_CLUSTERS)))
    length = clusters.max() + 1
    parts = np.split(clusters, [len(sets[0])])
    counts = np.stack([np.bincount(part, minlength=length) for part in parts])
    counts = counts[:, counts.any(axis=0)]
    test: Any = chi2_contingency(counts)
    return _shift(
        CLUSTERS, "chi-squared", counts, statistic=test.statistic, p=test.pvalue * num_tests
    )


def _clusters(latents: np.ndarray, num_clusters: int) -> np.ndarray:
    """Returns the k-means cluster of each latent [N]; those that are not finite share another."""
    is_finite = np.isfinite(latents).all(axis=1)
    clusters = np.full(len(latents), num_clusters)
    finite = latents[is_finite].astype(np.float64)
    num_clusters = min(num_clusters, len(np.unique(finite, axis=0)))
    if num_clusters:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty cluster is left out
            _, clusters[is_finite] = kmeans2(finite, num_clusters, minit="++", rng=0)
    return clusters


def _shift_of_domains(before: np.ndarray, after: np.ndarray, num_tests: int) -> Shift:
    """Measures how well a classifier detects which of the two sets a row of latents is from.

    The classifier is an ensemble of trees, which scores rows that it was not fitted to. The
    statistic is the area under the ROC curve of these scores; by chance, it is 0.5. Its p-value is
    that of the Mann-Whitney test (classifier two-sample tests, Lopez-Paz & Oquab 2017,
    https://arxiv.org/abs/1610.06545). This test detects changes in how dimensions depend on each
    other, which no single column shows.
    """
    sets = [latents[:: -(-len(latents) // MAX_CLASSIFIED)] for latents in (before, after)]
    if min(map(len, sets)) < MIN_CLASSIFIED:
        return Shift(DOMAINS, AUROC, statistic=0.5, p=1.0, psi=0.0, psi_by_chance=0.0)
    x = np.concatenate(sets).astype(np.float64)
    x[~np.isfinite(x)] = np.nan  # trees treat nan as a value of its own
    is_after = np.repeat([0, 1], [len(latents) for latents in sets])
    trees = ExtraTreesClassifier(NUM_TREES, min_samples_leaf=LEAF_ROWS, random_state=0)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    probabilities = cross_val_predict(trees, x, is_after, cv=folds, method="predict_proba")
    scores = np.asarray(probabilities)[:, 1]
    now, earlier = scores[is_after == 1], scores[is_after == 0]
    test: Any = mannwhitneyu(now, earlier, alternative="greater")
    counts = np.stack(counts_by_decile(earlier, now))
    auroc = test.statistic / (len(now) * len(earlier))
    return _shift(DOMAINS, AUROC, counts, statistic=auroc, p=test.pvalue * num_tests)


def _shift(column: str, test: str, counts: np.ndarray, *, statistic: float, p: float) -> Shift:
    reference, rows = counts
    return Shift(
        column=column,
        test=test,
        statistic=float(statistic),
        p=min(1.0, float(p)),
        psi=psi(reference, rows),
        psi_by_chance=psi_by_chance(int(reference.sum()), int(rows.sum()), len(reference)),
    )
