import numpy as np
import pytest
from scipy.stats import ks_2samp

from aeflow.models.inference import Encoded
from aeflow.stages.comparison.shifts import CLUSTERS, DOMAINS, ERROR, Shift, can_detect, shifts


def encoded(num_rows: int, *, seed: int, latent_dim: int = 4) -> Encoded:
    """Latents of two kinds of rows, in opposite corners, in the ratio of seven to three."""
    generator = np.random.default_rng(seed)
    corner = np.where(generator.random((num_rows, 1)) < 0.3, 3.0, -3.0)
    latents = generator.normal(size=(num_rows, latent_dim)) + corner
    return Encoded(latents.astype(np.float32), generator.gamma(4, 0.01, num_rows))


def shifts_by_column(reference: Encoded, rows: Encoded) -> dict[str, Shift]:
    return {shift.column: shift for shift in shifts(reference, rows)}


def test_errors_and_each_dimension_and_the_latents_together_are_columns():
    columns = shifts_by_column(encoded(300, seed=0), encoded(200, seed=1))
    assert list(columns) == [ERROR, "z_000", "z_001", "z_002", "z_003", CLUSTERS, DOMAINS]


def test_p_is_corrected_for_the_number_of_columns():
    reference, rows = encoded(300, seed=0), encoded(200, seed=1)
    rows = Encoded(rows.latents, rows.errors * 1.2)
    test = ks_2samp(reference.errors, rows.errors)
    shift = shifts_by_column(reference, rows)[ERROR]
    assert shift.statistic == pytest.approx(test.statistic)
    assert shift.p == pytest.approx(7 * test.pvalue)
    assert 0 < shift.p < 0.1


def test_rows_of_the_same_kind_are_rarely_significant():
    smallest = [
        min(s.p for s in shifts(encoded(84, seed=2 * i), encoded(600, seed=2 * i + 1)))
        for i in range(60)
    ]
    assert np.mean(np.array(smallest) < 0.05) <= 0.1


def test_kind_that_is_missing_shows_in_the_clusters():
    reference, rows = encoded(300, seed=0), encoded(600, seed=1)
    one_kind = rows.latents[:, 0] < 0
    columns = shifts_by_column(reference, Encoded(rows.latents[one_kind], rows.errors[one_kind]))
    assert columns[CLUSTERS].p < 1e-10
    assert columns[ERROR].p == 1.0


def test_dimensions_that_depend_on_each_other_differently_show_in_the_domains():
    reference, rows = (
        np.random.default_rng(seed).normal(size=(600, 4)).astype(np.float32) for seed in (0, 1)
    )
    rows[:, 1] = np.sign(rows[:, 0]) * np.abs(rows[:, 1])  # each dimension alone is as before
    errors = np.ones(600)
    columns = shifts_by_column(Encoded(reference, errors), Encoded(rows, errors))
    assert columns[DOMAINS].statistic > 0.7
    assert columns[DOMAINS].p < 1e-10
    assert min(columns[f"z_{i:03d}"].p for i in range(4)) > 0.05


def test_values_that_are_not_finite_count_as_far_off():
    reference, rows = encoded(300, seed=0), encoded(200, seed=1)
    broken, endless = (
        shifts_by_column(
            reference, Encoded(np.full_like(rows.latents, far), np.full_like(rows.errors, far))
        )
        for far in (np.nan, np.inf)
    )
    assert broken == endless
    assert all(shift.p < 1e-10 and 1 < shift.psi < 100 for shift in broken.values())


@pytest.mark.filterwarnings("error")
def test_latents_that_never_move_have_not_drifted():
    still = Encoded(np.zeros((90, 3), np.float32), np.zeros(90))
    columns = shifts_by_column(still, Encoded(still.latents[:40], still.errors[:40]))
    assert {shift.p for shift in columns.values()} == {1.0}
    assert max(shift.psi for shift in columns.values()) < 0.05


def test_latents_that_are_not_finite_are_a_cluster_of_their_own():
    still = Encoded(np.zeros((90, 3), np.float32), np.zeros(90))
    broken = np.zeros((90, 3), np.float32)
    broken[:30, 1] = np.nan
    assert shifts_by_column(still, Encoded(broken, still.errors))[CLUSTERS].p < 1e-5


@pytest.mark.parametrize(
    ("num_rows", "num_tests", "expected"), [(1, 10, False), (2, 10, True), (2, 30, False)]
)
def test_so_few_rows_cannot_be_significant(num_rows, num_tests, expected):
    # The largest difference has p = 2 / 85 for 84 and 1 rows, and p = 2 / 3655 for 84 and 2.
    assert can_detect(84, num_rows, num_tests=num_tests, significance=0.01) is expected
