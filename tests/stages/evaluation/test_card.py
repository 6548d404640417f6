"""The health card: values, intervals, those of PCA, and sentences that fit the values."""

import numpy as np
import pytest

from aeflow.measures import Measure
from aeflow.stages.evaluation.card import health_card
from aeflow.stages.evaluation.tables import verdict_line

ROWS = 400


def errors(mse: float, mse_pca: float, spread: float = 0.1) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    noise = {"mse": generator.normal(size=ROWS), "mse_pca": generator.normal(size=ROWS)}
    return {
        name: value * (1 + spread * noise[name])
        for name, value in {"mse": mse, "mse_pca": mse_pca}.items()
    }


def scores(right: int, right_pca: int) -> dict[str, np.ndarray]:
    counts = {"probe_accuracy": right, "probe_accuracy_pca": right_pca}
    return {name: (np.arange(ROWS) < count).astype(float) for name, count in counts.items()}


def row(card, name: str) -> dict:
    return next(row for row in card.rows if row["name"] == name)


def test_ratio_to_pca_has_an_interval_around_it():
    card = health_card(errors(0.6, 1.0), {}, latent_dim=8)
    ratio = row(card, "mse_ratio_to_pca")
    assert ratio["value"] == pytest.approx(0.6, abs=0.02)
    low, high = ratio["interval"]
    assert low < ratio["value"] < high < 0.65
    assert ratio["judgement"] == "Between 39% and 41% better than PCA-8."
    assert card.metrics["mse_ratio_to_pca"] == ratio["value"]


def test_what_chance_explains_is_no_difference():
    card = health_card(errors(1.0, 1.005, spread=0.5), {}, latent_dim=8)
    assert row(card, "mse")["judgement"] == "No clear difference from PCA-8."
    assert row(card, "mse_ratio_to_pca")["judgement"] == "No clear difference from PCA-8."


def test_accuracies_are_compared_in_points():
    card = health_card(errors(1, 1), scores(right=380, right_pca=340), latent_dim=8)
    probe = row(card, "probe_accuracy")
    assert (probe["value"], probe["pca"]) == (0.95, 0.85)
    assert probe["shown"] == {"value": "95.0%", "interval": "93.0 – 97.0%", "pca": "85.0%"}
    assert probe["judgement"] == "10.0 points better than PCA-8."


@pytest.mark.parametrize(
    ("count", "judgement"),
    [
        (0, "Every dimension carries something."),
        (1, "1 of 8 dimensions carries nothing: a smaller latent would do."),
        (3, "3 of 8 dimensions carry nothing: a smaller latent would do."),
    ],
)
def test_dead_dimensions_are_reported(count, judgement):
    dead = {"dead_dimensions": np.array(float(count)), "dead_dimensions_pca": np.array(0.0)}
    card = health_card(errors(1, 1), dead, latent_dim=8)
    assert row(card, "dead_dimensions")["judgement"] == judgement


def test_a_measure_of_the_kind_stands_before_rows_out_of_distribution():
    metrics = {"ood_auroc_knn": 0.9, "spread": 0.25, "spread_least": 0.125}
    scores = {name: np.array(value) for name, value in metrics.items()}
    spread = Measure("Spread", digits=".2f", meaning="At least {spread_least:.3f}, not {rival}.")
    card = health_card(errors(1, 1), scores, latent_dim=8, of_kind={"spread": spread})
    assert [row["name"] for row in card.rows][-2:] == ["spread", "ood_auroc_knn"]
    assert row(card, "spread")["title"] == "Spread"
    assert row(card, "spread")["shown"]["value"] == "0.25"
    assert row(card, "spread")["judgement"] == "At least 0.125, not PCA-8."


@pytest.mark.parametrize(("mse", "tone"), [(0.5, "good"), (1.0, "even"), (2.0, "bad")])
def test_tone_is_that_of_the_difference(mse, tone):
    card = health_card(errors(mse, 1.0), {}, latent_dim=8)
    assert {row["tone"] for row in card.rows} == {tone}


def test_value_that_is_not_finite_is_reported_and_has_no_interval():
    broken = errors(1, 1)
    broken["mse"][0] = np.nan
    mse = row(health_card(broken, {}, latent_dim=8), "mse")
    assert (mse["value"], mse["interval"]) == (None, None)
    assert mse["judgement"] == "Not a finite number: the model is broken."


def test_pca_that_is_exact_has_no_ratio():
    card = health_card(errors(1, 0), {}, latent_dim=8)
    assert "mse_ratio_to_pca" not in {row["name"] for row in card.rows}


@pytest.mark.parametrize(
    ("mse", "probe", "limits", "expected"),
    [
        (0.5, 0.91, (0.005, 0.015), "; its features classify 1.0 points better."),
        (0.5, 0.91, (-0.01, 0.03), "; its features classify no differently."),
        (0.5, 0.89, (-0.02, -0.001), "; its features classify 1.0 points worse."),
        (2.0, 0.91, (0.005, 0.015), ", but its features classify 1.0 points better."),
        (
            2.0,
            0.89,
            (-0.02, -0.001),
            ", and its features classify 1.0 points worse: PCA is the better choice.",
        ),
    ],
)
def test_verdict_includes_the_features_if_there_are_labels(mse, probe, limits, expected):
    metrics = {"mse": mse, "mse_pca": 1.0, "probe_accuracy": probe, "probe_accuracy_pca": 0.9}
    line = verdict_line(metrics, split="test", latent_dim=8, differences={"probe_accuracy": limits})
    assert line.endswith(f"PCA-8 (test MSE {mse:g} against 1){expected}")
