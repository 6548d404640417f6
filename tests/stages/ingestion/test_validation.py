"""Which rows are bad, why, and how many bad rows are allowed."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Rows, Undecodable
from aeflow.errors import SourceError
from aeflow.stages.ingestion.validation import Validation

GOOD = np.ones((4, 4, 1), dtype=np.uint8)


def validated(features, *, fraction=0.9, ids=None):
    count = len(features)
    validation = Validation(IngestConfig(max_bad_fraction=fraction), count)
    rows = Rows(ids or [f"train/{row}" for row in range(count)], features)
    good, stored = validation.good(rows, np.full(count, "train", dtype=object))
    return validation, good.tolist(), stored


def with_value(value):
    vectors = np.zeros((3, 5), dtype=np.float32)
    vectors[1, 2] = value
    return vectors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_are_bad(value):
    validation, good, stored = validated(with_value(value))
    assert good == [0, 2]
    assert stored.shape == (2, 5)
    (bad,) = validation.bad
    assert (bad.id, bad.split, bad.reason) == ("train/1", "train", "non_finite")
    assert bad.detail == f"1 of 5 values, the first {value} at 2"


def test_value_beyond_float32_is_not_finite():
    validation, good, _ = validated(np.array([[0.0], [1e300], [0.0]]))
    assert good == [0, 2]
    assert validation.bad[0].reason == "non_finite"


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (Undecodable("broken data stream"), "undecodable"),
        (np.ones((4, 5, 1), dtype=np.uint8), "wrong_shape"),
        (np.ones((4, 4, 3), dtype=np.uint8), "wrong_shape"),
        (np.ones((4, 4, 1), dtype=np.float32), "wrong_type"),
        (np.full((4, 4, 1), "x"), "wrong_type"),
    ],
)
def test_example_unlike_the_first_is_bad(example, reason):
    validation, good, stored = validated([GOOD, GOOD, example, GOOD])
    assert good == [0, 1, 3]
    assert stored.shape == (3, 4, 4, 1)
    assert [(bad.id, bad.reason) for bad in validation.bad] == [("train/2", reason)]


def test_bad_first_row_does_not_set_the_schema():
    validation, good, _ = validated([Undecodable("?"), np.ones((4, 4), np.uint8), GOOD])
    assert good == [2]
    assert validation.shape == (4, 4, 1)
    assert [bad.reason for bad in validation.bad] == ["undecodable", "wrong_shape"]


def test_non_finite_first_row_does_not_set_the_schema():
    _, good, _ = validated([np.full(3, np.nan), np.ones(4), np.ones(4)])
    assert good == [1, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.bool_, np.float16])
def test_numbers_other_than_bytes_become_float32(dtype):
    _, _, stored = validated(np.ones((3, 5), dtype=dtype))
    assert stored.dtype == np.float32


def test_budget_allows_its_share_and_not_one_row_more():
    vectors = np.zeros((10, 2))
    vectors[:3] = np.nan
    within, _, _ = validated(vectors, fraction=0.3)
    within.check()
    beyond, _, _ = validated(vectors, fraction=0.29)
    with pytest.raises(SourceError) as caught:
        beyond.check()
    assert str(caught.value) == (
        "3 of 10 rows are bad, 2 are allowed (max_bad_fraction 0.29): "
        "train/0 (non_finite: 2 of 2 values, the first nan at 0); "
        "train/1 (non_finite: 2 of 2 values, the first nan at 0); "
        "train/2 (non_finite: 2 of 2 values, the first nan at 0). "
        "Correct these rows, or put them into quarantine with --max-bad-fraction 0.3."
    )


def test_of_many_bad_rows_only_the_first_are_named_and_all_are_counted():
    validation, _, _ = validated(np.full((1_000, 2), np.nan), fraction=0)
    with pytest.raises(SourceError, match=r"^1000 of 1000 rows are bad, 0 are allowed.*; \.\.\."):
        validation.check()
    assert len(validation.bad) == 3


def test_duplicate_ids_are_refused_even_of_bad_rows():
    validation, _, _ = validated(with_value(np.nan), ids=["a", "b", "b"])
    with pytest.raises(SourceError, match="1 ids occur in more than one row, such as 'b'"):
        validation.check()


def test_quarantine_is_a_table_of_ids_and_reasons(tmp_path):
    validation, _, _ = validated([GOOD, Undecodable("cut short")])
    validation.write_quarantine(tmp_path / "quarantine.parquet")
    assert pq.read_table(tmp_path / "quarantine.parquet").to_pylist() == [
        {"id": "train/1", "split": "train", "reason": "undecodable", "detail": "cut short"}
    ]
