"""Bootstrap intervals: as wide as theory says, paired, and the same each time."""

import numpy as np
import pytest

from aeflow.stages.evaluation.intervals import interval, resampled_means


def normal(rows: int) -> np.ndarray:
    return np.random.default_rng(3).normal(loc=5.0, scale=2.0, size=rows)


@pytest.mark.parametrize("rows", [200, 5_000, 90_000])
def test_interval_of_a_mean_is_as_wide_as_its_standard_error_says(rows):
    values = normal(rows)
    low, high = interval(resampled_means({"x": values})["x"])
    expected = 2 * 1.96 * values.std() / np.sqrt(rows)
    assert high - low == pytest.approx(expected, rel=0.12)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.1 * expected)


def test_columns_are_resampled_in_pairs():
    values = normal(300)
    means = resampled_means({"x": values, "twice": 2 * values})
    assert means["twice"] == pytest.approx(2 * means["x"])


def test_interval_is_the_same_each_time():
    first, second = (resampled_means({"x": normal(300)})["x"] for _ in range(2))
    assert (first == second).all()


def test_certain_value_has_an_interval_of_no_width():
    assert interval(resampled_means({"x": np.ones(50)})["x"]) == (1.0, 1.0)
