"""Scores of latents, on latents with known scores."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from aeflow.stages.evaluation.scores import SCORES, Space, scores_of


@pytest.fixture(scope="module")
def digits() -> Space:
    """The pixels of the digits as their own latents, 1,500 rows to fit and 297 to judge."""
    rows, labels = map(np.asarray, load_digits(return_X_y=True))
    return Space(
        fitted_latents=rows[:1500],
        judged_latents=rows[1500:],
        inputs=rows[1500:],
        compared_places=np.arange(297),
        fitted_labels=pa.array(labels[:1500]),
        judged_labels=pa.array(labels[1500:]),
    )


def noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, columns))


def value_of(name: str, space: Space) -> float:
    return float(SCORES[name](space).mean())


def test_probe_is_a_logistic_regression_of_standardised_latents(digits):
    scaler = StandardScaler().fit(digits.fitted_latents)
    probe = LogisticRegression(max_iter=1000).fit(
        scaler.transform(digits.fitted_latents), digits.fitted_labels.to_numpy()
    )
    expected = probe.score(scaler.transform(digits.judged_latents), digits.judged_labels.to_numpy())
    assert value_of("probe_accuracy", digits) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", ["probe_accuracy", "knn_accuracy"])
def test_pixels_of_digits_classify_and_noise_does_not(digits, name):
    nothing = replace(digits, fitted_latents=noise(1500, 64), judged_latents=noise(297, 64))
    assert value_of(name, digits) > 0.85
    assert value_of(name, nothing) < 0.25


@pytest.mark.parametrize("name", ["probe_accuracy", "knn_accuracy"])
def test_scale_of_a_dimension_does_not_matter(digits, name):
    scale = np.linspace(1, 1000, 64)
    scaled = replace(
        digits,
        fitted_latents=digits.fitted_latents * scale,
        judged_latents=digits.judged_latents * scale,
    )
    assert value_of(name, scaled) == pytest.approx(value_of(name, digits), abs=0.011)


def test_rows_without_a_label_are_left_out(digits):
    labels = digits.judged_labels.to_pylist()
    one_unlabelled = replace(digits, judged_labels=pa.array([None, *labels[1:]], pa.int64()))
    assert len(SCORES["probe_accuracy"](one_unlabelled)) == 296


@pytest.mark.parametrize(
    "labels",
    [None, pa.array([7] * 1500), pa.array([None] * 1500, pa.int64()), pa.array(range(1500))],
    ids=["none", "one", "unknown", "ids"],
)
def test_labels_that_are_no_classes_are_not_classified(digits, labels):
    names = list(scores_of(replace(digits, fitted_labels=labels)))
    assert names == ["neighbour_recall", "dead_dimensions", "effective_rank"]


def test_neighbours_of_the_same_points_are_all_kept_and_of_noise_few(digits):
    assert value_of("neighbour_recall", digits) == 1.0
    assert value_of("neighbour_recall", replace(digits, judged_latents=noise(297, 64))) < 0.1


def test_dimensions_that_hardly_vary_are_dead(digits):
    latents = noise(297, 6) * [1, 1, 2, 1e-3, 1e-9, 0]
    assert value_of("dead_dimensions", replace(digits, judged_latents=latents)) == 3


def test_collapsed_posterior_is_dead_though_all_its_dimensions_are_alike(digits):
    collapsed = replace(digits, judged_latents=noise(297, 4) * 0.05)
    assert value_of("dead_dimensions", collapsed) == 0
    assert value_of("dead_dimensions", replace(collapsed, has_unit_prior=True)) == 4


def test_effective_rank_counts_directions_of_equal_spread(digits):
    rotated = noise(5000, 3) @ np.linalg.qr(noise(8, 8))[0][:3]
    assert value_of("effective_rank", replace(digits, judged_latents=rotated)) == pytest.approx(
        3, abs=0.01
    )


def test_constant_latents_have_no_rank(digits):
    assert value_of("effective_rank", replace(digits, judged_latents=np.ones((9, 4)))) == 0


def test_latents_that_are_not_finite_have_no_scores(digits):
    broken = digits.judged_latents.copy()
    broken[0, 0] = np.inf
    values = {
        n: score(digits) for n, score in scores_of(replace(digits, judged_latents=broken)).items()
    }
    assert list(values) == list(SCORES)
    assert all(np.isnan(value) for value in values.values())
