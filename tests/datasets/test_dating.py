"""Dates in the addresses of sources."""

from datetime import date

import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.dating import dated, days, is_dated
from aeflow.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ("parquet:/data/{date}", "parquet:/data/2026-11-05"),
        ("csv:/data/{date:%Y/%m/%d}/*.csv", "csv:/data/2026/11/05/*.csv"),
        ("parquet:/data/day={date}/{date:%H}", "parquet:/data/day=2026-11-05/00"),
        ("images:/data/{label}", "images:/data/{label}"),
        ("images:/data/{date.year}", "images:/data/{date.year}"),
    ],
)
def test_date_is_filled_in_as_strftime_writes_it(source, filled):
    assert dated(IngestConfig(source=source), date(2026, 11, 5)).source == filled


def test_source_without_a_placeholder_is_not_dated():
    assert not is_dated(IngestConfig(source="parquet:/data/{day}"))
    assert is_dated(IngestConfig(source="parquet:/data/{date}"))


def test_days_hold_the_first_and_the_last():
    assert [str(day) for day in days("2026-02-27", "2026-03-01")] == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
    ]


@pytest.mark.parametrize(
    ("first", "last", "line"),
    [
        ("2026-03-01", "2026-02-27", "2026-02-27, comes before the first, 2026-03-01. Swap them."),
        ("yesterday", "2026-02-27", "'yesterday' is not a date. Write it as YYYY-MM-DD."),
        ("2026-02-01", "2026-02-30", "'2026-02-30' is not a date."),
    ],
)
def test_invalid_days_are_refused(first, last, line):
    with pytest.raises(ConfigError, match=line):
        days(first, last)
