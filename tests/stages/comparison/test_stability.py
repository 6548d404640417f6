import numpy as np
import pytest

from aeflow.stages.comparison.stability import counts_by_decile, psi, psi_by_chance


def test_psi_is_that_of_the_formula():
    # Shares of 0.5, 0.5 and 0.8, 0.2 give 0.3 ln(0.8 / 0.5) - 0.3 ln(0.2 / 0.5). The added 0.5
    # lowers it slightly.
    assert psi(np.array([50_000, 50_000]), np.array([80_000, 20_000])) == pytest.approx(
        0.41588, abs=1e-4
    )
    # Shares of 1.5 / 3, 1.5 / 3 and 2.5 / 3, 0.5 / 3, once 0.5 is added.
    assert psi(np.array([1, 1]), np.array([2, 0])) == pytest.approx(0.53648, abs=1e-5)


def test_equal_shares_have_no_index():
    assert psi(np.array([5, 7, 9]), np.array([5, 7, 9])) == 0.0


def test_deciles_of_the_reference_are_the_bins():
    reference = np.arange(1, 21.0)
    before, after = counts_by_decile(reference, np.array([-9, 2, 2.1, 20, 21]))
    assert before.tolist() == [2] * 10
    assert after.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]


def test_number_that_fills_many_bins_has_one_of_its_own():
    before, after = counts_by_decile(np.full(50, 3.0), np.array([3, 3, 2.9, 3.1, np.inf]))
    assert before.tolist() == [0, 50, 0]
    assert after.tolist() == [1, 2, 2]


@pytest.mark.parametrize(("num_reference", "num_rows"), [(84, 180), (3000, 1000), (500, 500)])
def test_mean_index_without_drift_is_psi_by_chance(num_reference, num_rows):
    generator = np.random.default_rng(0)
    indices = [
        psi(
            *counts_by_decile(generator.normal(size=num_reference), generator.normal(size=num_rows))
        )
        for _ in range(400)
    ]
    expected = psi_by_chance(num_reference, num_rows, 10)
    assert np.mean(indices) == pytest.approx(expected, rel=0.1)


def test_chance_alone_gives_much_in_small_sets_and_little_in_large_ones():
    assert psi_by_chance(84, 180, 10) == pytest.approx(0.15714, abs=1e-5)
    assert psi_by_chance(3000, 10_000, 10) == pytest.approx(0.0039)
