import numpy as np
import pytest
from scipy.stats import ttest_ind

from aeflow.datasets.statistics import SplitStatistics
from aeflow.schema import ExampleSchema
from aeflow.stages.comparison.inputs import input_shifts

GENERATOR = np.random.default_rng(0)
BEFORE = GENERATOR.normal(size=(200, 3))
NOW = GENERATOR.normal((0, 1, 0.01), size=(150, 3))
VECTORS = ExampleSchema(shape=(3,), dtype="float32", columns=("height", "weight", "age"))


def summed_up(rows: np.ndarray) -> SplitStatistics:
    over_all = {name: float(getattr(rows, name)()) for name in ("mean", "std", "min", "max")}
    means = {"position_mean": rows.mean(axis=0), "position_std": rows.std(axis=0)}
    return SplitStatistics(count=len(rows), **over_all, **means)


def compared(before: np.ndarray, now: np.ndarray, schema: ExampleSchema = VECTORS) -> list[dict]:
    pair = summed_up(before), summed_up(now)
    return input_shifts(*pair, schema, significance=0.05).table.to_pylist()


def test_the_column_that_moved_is_named_first():
    table = compared(BEFORE, NOW)
    assert [row["moved"] for row in table] == [True, False, False]
    assert table[0]["position"] == "weight"
    assert table[0]["effect"] == pytest.approx(1, abs=0.25)


def test_p_is_that_of_welch_for_the_rows_times_the_number_of_columns():
    table = {row["position"]: row["p"] for row in compared(BEFORE, NOW)}
    expected = ttest_ind(BEFORE, NOW, equal_var=False).pvalue * 3
    assert table["weight"] == pytest.approx(expected[1])
    assert table["height"] == pytest.approx(min(expected[0], 1))


def test_a_constant_that_changes_has_moved_and_one_that_stays_has_not():
    table = compared(np.full((9, 3), (1.0, 2, 3)), np.full((9, 3), (1.0, 2, 4)))
    assert [(row["position"], row["moved"]) for row in table] == [
        ("age", True),
        ("height", False),
        ("weight", False),
    ]
    assert all(np.isfinite(row["effect"]) for row in table)


def test_a_trifle_has_not_moved_however_significant():
    many = GENERATOR.normal(size=(100_000, 3))
    table = compared(many, many + 0.1)
    assert all(row["p"] < 1e-6 and not row["moved"] for row in table)


def test_one_row_shows_no_shift():
    assert not any(row["moved"] for row in compared(BEFORE, NOW[:1] + 9))


def test_pixels_are_named_by_row_column_and_channel():
    images = GENERATOR.integers(0, 255, (20, 2, 2, 1)).astype(float)
    table = compared(images, images, ExampleSchema(shape=(2, 2, 1), dtype="uint8"))
    assert [row["position"] for row in table] == ["0,0,0", "0,1,0", "1,0,0", "1,1,0"]
