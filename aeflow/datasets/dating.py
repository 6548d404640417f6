"""Sources with a date in their address: `parquet:/data/{date}`, or `csv:/data/{date:%Y/%m/%d}`."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from aeflow.configs import IngestConfig
from aeflow.errors import ConfigError

__all__ = ["dated", "days", "is_dated"]

PLACE = re.compile(r"\{date(?::([^{}]+))?\}")
ISO = "%Y-%m-%d"


def is_dated(config: IngestConfig) -> bool:
    """Returns whether the source's address has a placeholder for a date."""
    return PLACE.search(config.source) is not None


def dated(config: IngestConfig, day: date) -> IngestConfig:
    """Returns the config with the date filled into its source, as `strftime` writes it."""
    source = PLACE.sub(lambda place: day.strftime(place[1] or ISO), config.source)
    return config.model_copy(update={"source": source})


def days(first: str, last: str) -> Iterator[date]:
    """Returns every day from the first to the last, both of them given as YYYY-MM-DD.

    Raises ConfigError if a text is not such a date, or if the last day comes before the first.
    """
    begin, end = _day(first), _day(last)
    if end < begin:
        raise ConfigError(f"The last day, {last}, comes before the first, {first}. Swap them.")
    return (begin + timedelta(days=number) for number in range((end - begin).days + 1))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"'{text}' is not a date. Write it as YYYY-MM-DD.") from error
