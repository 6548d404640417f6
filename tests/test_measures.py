"""The table of metrics: every metric is in it, and values are formatted as it says."""

import numpy as np
import pytest

from aeflow.measures import MEASURES, Measure
from aeflow.stages.evaluation.metrics import METRICS
from aeflow.stages.evaluation.scores import SCORES


@pytest.mark.parametrize("name", [*METRICS, *SCORES])
def test_every_metric_has_a_title_a_short_one_and_a_direction(name):
    measure = MEASURES[name]
    assert measure.title
    assert measure.short
    assert measure.best in (min, max)


@pytest.mark.parametrize(
    ("name", "value", "shown", "difference"),
    [
        ("mse", 0.123456, "0.1235", "0.12"),
        ("psnr", 20.04, "20.0 dB", "20.0 dB"),
        ("ssim", 0.9, "0.900", "0.900"),
        ("probe_accuracy", 0.9551, "95.5%", "95.5 points"),
        ("dead_dimensions", 3.0, "3", "3"),
        ("ood_auroc_knn", 0.5, "0.500", "0.500"),
    ],
)
def test_a_value_and_a_difference_are_written_with_their_unit(name, value, shown, difference):
    measure = MEASURES[name]
    assert (measure.shown(value), measure.shown_difference(value)) == (shown, difference)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_a_dash(value):
    assert Measure("Error", unit="dB").shown(value) == "–"
