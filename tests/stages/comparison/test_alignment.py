import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.stats import ortho_group

from aeflow.stages.comparison.alignment import linear_r2, neighbour_overlap, procrustes_error

LATENTS = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 6]
ROTATED = LATENTS @ ortho_group.rvs(6, random_state=1)
UNRELATED = np.random.default_rng(2).normal(size=(400, 6))


def test_rotated_scaled_and_shifted_copy_has_no_procrustes_error():
    assert procrustes_error(LATENTS, 7 * ROTATED + 3) == pytest.approx(0, abs=1e-6)


def test_procrustes_error_is_scipys_disparity():
    noisy = ROTATED + UNRELATED
    _, _, expected = procrustes(LATENTS, noisy)
    assert procrustes_error(LATENTS, noisy) == pytest.approx(expected, abs=1e-6)
    assert 0.01 < expected < 0.2


def test_unrelated_latents_are_not_aligned():
    assert procrustes_error(LATENTS, UNRELATED) > 0.9
    assert neighbour_overlap(LATENTS, UNRELATED, 10) == pytest.approx(10 / 399, abs=0.02)
    assert linear_r2(LATENTS, UNRELATED) == pytest.approx(0, abs=0.1)


def test_dimensions_that_are_always_zero_change_nothing():
    wider = np.pad(ROTATED, ((0, 0), (0, 3)))
    assert procrustes_error(LATENTS, wider) == pytest.approx(0, abs=1e-6)
    assert procrustes_error(wider, LATENTS) == pytest.approx(0, abs=1e-6)


def test_neighbours_of_a_rotated_copy_are_the_same():
    assert neighbour_overlap(LATENTS, 2 * ROTATED, 10) == pytest.approx(1.0, abs=0.001)


def test_overlap_is_the_share_of_common_neighbours():
    old, new = np.array([[0], [1], [3.1], [6]]), np.array([[0], [1.0], [6.0], [2.1]])
    # Two neighbours each: old {1,2} {0,2} {1,3} {2,1}, new {1,3} {0,3} {3,1} {1,0}.
    assert neighbour_overlap(old, new, 2) == pytest.approx((1 + 1 + 2 + 1) / 8)


def test_r2_of_any_linear_map_is_one():
    squeezed = LATENTS @ np.random.default_rng(3).normal(size=(6, 3)) - 5
    assert linear_r2(LATENTS, squeezed) == pytest.approx(1, abs=1e-9)
    assert linear_r2(squeezed, LATENTS) < 0.9


def test_r2_is_measured_on_rows_that_were_not_fitted():
    few = slice(14)  # 7 rows fit 7 coefficients exactly, but not the other rows
    assert linear_r2(LATENTS[few], UNRELATED[few]) < 0.5


def test_latents_that_are_all_the_same_are_like_no_others():
    still = np.full((400, 6), 2.0)
    assert procrustes_error(LATENTS, still) == 1.0
    assert linear_r2(LATENTS, still) == 0.0
