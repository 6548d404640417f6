"""Mean, spread and range of a split, gathered block by block in float64.

Blocks are merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for
computing sample variances" (1979): unlike a sum of squares, that cancels nothing.
"""

import numpy as np

from aeflow.datasets.statistics import SplitStatistics

__all__ = ["Gathering"]


class Gathering:
    """Gathers the statistics of one split from the blocks it is given."""

    def __init__(self):
        self._count = 0
        self._mean = np.zeros(())
        self._squares = np.zeros(())
        self._min = np.inf
        self._max = -np.inf

    def add(self, features: np.ndarray) -> None:
        """Takes in a block [N, *shape] of finite values."""
        values = features.astype(np.float64)
        count = self._count + len(values)
        mean = values.mean(axis=0)
        values -= mean
        squares = np.einsum("n...,n...->...", values, values)
        delta = mean - self._mean
        self._squares = self._squares + squares + delta**2 * (self._count * len(values) / count)
        self._mean = self._mean + delta * (len(values) / count)
        self._count = count
        self._min = min(self._min, float(features.min()))
        self._max = max(self._max, float(features.max()))

    def result(self) -> SplitStatistics:
        """Returns what the blocks so far have shown; there must have been one."""
        variance = self._squares / self._count
        mean = float(self._mean.mean())
        spread = float(variance.mean() + np.square(self._mean - mean).mean())
        return SplitStatistics(
            count=self._count,
            mean=mean,
            std=spread**0.5,
            min=self._min,
            max=self._max,
            position_mean=self._mean,
            position_std=np.sqrt(variance),
        )
