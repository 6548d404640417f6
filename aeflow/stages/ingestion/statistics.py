"""The mean, standard deviation and range of a split, accumulated block by block in float64.

Blocks are merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for
computing sample variances" (1979). Unlike a plain sum of squares, this avoids cancellation.
"""

from dataclasses import dataclass, field

import numpy as np

from aeflow.datasets.statistics import SplitStatistics

__all__ = ["RunningStatistics"]


@dataclass
class RunningStatistics:
    """Accumulates the number of rows, and their mean and squared deviations at each position.

    `mean` and `squares`, the sums of squared deviations, are [*shape]. `min` and `max` are over all
    values.
    """

    count: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(()))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(()))
    min: float = np.inf
    max: float = -np.inf

    def add(self, features: np.ndarray) -> None:
        """Adds a block [N, *shape] of finite values."""
        values = features.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        squares = np.einsum("n...,n...->...", values, values)
        low, high = float(features.min()), float(features.max())
        self.merge(RunningStatistics(len(values), mean, squares, low, high))

    def merge(self, other: "RunningStatistics") -> None:
        """Adds the rows of `other`, which must hold at least one row."""
        count = self.count + other.count
        delta = other.mean - self.mean
        self.squares = self.squares + other.squares + delta**2 * (self.count * other.count / count)
        self.mean = self.mean + delta * (other.count / count)
        self.count = count
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)

    def result(self) -> SplitStatistics:
        """Returns the statistics of all rows so far; there must be at least one row."""
        variance = self.squares / self.count
        mean = float(self.mean.mean())
        spread = float(variance.mean() + np.square(self.mean - mean).mean())
        return SplitStatistics(
            count=self.count,
            mean=mean,
            std=spread**0.5,
            min=self.min,
            max=self.max,
            position_mean=self.mean,
            position_std=np.sqrt(variance),
        )
