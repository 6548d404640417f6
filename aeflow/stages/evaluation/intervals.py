"""Bootstrap intervals of means (Efron, https://doi.org/10.1214/aos/1176344552)."""

from collections.abc import Mapping

import numpy as np

__all__ = ["interval", "resampled_means"]

RESAMPLES, SEED, LEVEL = 1000, 0, 0.95
MOST_ROWS = 20_000
BLOCK = 2**22
"""The number of random values that are drawn at once, which limits the memory."""


def resampled_means(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns 1,000 bootstrap means of each column [N].

    A bootstrap mean is the mean of rows that are drawn with replacement. All columns use the same
    drawn rows, so that their ratios and differences are paired. If there are more than 20,000 rows,
    only a random sample of 20,000 rows is resampled. The spread of the means is then scaled by
    sqrt(20,000 / N), as if all N rows had been resampled.
    """
    rows = np.column_stack([np.asarray(values, np.float64) for values in columns.values()])
    generator = np.random.default_rng(SEED)
    means = rows.mean(axis=0)
    if len(rows) > MOST_ROWS:
        population = rows[generator.choice(len(rows), MOST_ROWS, replace=False)]
    else:
        population = rows
    count = len(population)
    at_once = max(1, BLOCK // count)
    block_means = [
        _counts(generator, min(at_once, RESAMPLES - start), count) @ population / count
        for start in range(0, RESAMPLES, at_once)
    ]
    spread = np.concatenate(block_means) - population.mean(axis=0)
    resampled = means + spread * np.sqrt(count / len(rows))
    return dict(zip(columns, resampled.T, strict=True))


def interval(resampled: np.ndarray) -> tuple[float, float]:
    """Returns the limits of the central 95 % of the values; both are nan if a value is nan."""
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def _counts(generator: np.random.Generator, resamples: int, rows: int) -> np.ndarray:
    """Returns how often each row is drawn in each resample, [resamples, rows]."""
    places = generator.integers(rows, size=(resamples, rows))
    places += rows * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * rows).reshape(resamples, rows)
