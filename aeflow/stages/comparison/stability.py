"""The population stability index: how much the shares of some bins have changed.

By convention, an index of 0.1 is a change, and an index of 0.25 is a large change (Siddiqi, Credit
Risk Scorecards, 2006).
"""

import numpy as np

__all__ = ["counts_between", "counts_by_decile", "decile_edges", "psi", "psi_by_chance"]

NUM_BINS = 10
ADDED_COUNT = 0.5


def psi(reference: np.ndarray, counts: np.ndarray) -> float:
    """Returns the index of counts [bins] compared with the counts of a reference [bins].

    The index is the sum over bins of (q - p) ln(q / p). A bin's p is its share of the reference's
    counts, and its q is its share of `counts`. Every count is first raised by 0.5, so that none is
    0.
    """
    raised = [column + ADDED_COUNT for column in (reference, counts)]
    p, q = (column / column.sum() for column in raised)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(num_reference: int, num_rows: int, num_bins: int) -> float:
    """Returns the mean index of rows that have not changed: (bins - 1) (1 / M + 1 / N).

    M is the number of rows in the reference, and N is that of the new rows. With ten bins, the mean
    index is 0.004 for 3,000 and 10,000 rows, but 0.16 for 84 and 180 rows (Yurdakul, Statistical
    Properties of Population Stability Index, 2018).
    """
    return (num_bins - 1) * (1 / num_reference + 1 / num_rows)


def counts_by_decile(reference: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts a reference [M] and values [N] in the bins between the reference's deciles.

    A value that fills more than one bin gets a bin of its own, so that a shift of a constant latent
    is detected, too.
    """
    edges = decile_edges(reference)
    return counts_between(edges, reference), counts_between(edges, values)


def decile_edges(reference: np.ndarray) -> np.ndarray:
    """Returns the upper edges of all bins but the last of `counts_by_decile`, ascending."""
    deciles = np.quantile(reference, np.arange(1, NUM_BINS) / NUM_BINS, method="inverted_cdf")
    edges, repeats = np.unique(deciles, return_counts=True)
    just_below = np.nextafter(edges[repeats > 1], -np.inf)
    return np.unique(np.concatenate([just_below, edges]))


def counts_between(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Counts values [N] in the bins that end at the edges, and above the last one."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
