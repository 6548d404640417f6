"""When a retraining run trains a new model, and how old its features may become.

A model depends on the data that the run trains on, and not on these options.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from aeflow.configs.config import Config

__all__ = ["RetrainConfig", "age_limit"]

AGE = re.compile(r"([1-9]\d{0,3})([hd])")


def age_limit(fresh: str) -> timedelta:
    """Returns the time that `26h` or `2d` stands for. Raises ValueError for any other text."""
    match = AGE.fullmatch(fresh)
    if match is None:
        raise ValueError("give hours or days, such as 26h or 2d")
    count, unit = int(match[1]), match[2]
    return timedelta(hours=count) if unit == "h" else timedelta(days=count)


def _checked_age(fresh: str) -> str:
    age_limit(fresh)
    return fresh


class RetrainConfig(Config):
    """Sets when a new model is due, if there is already a champion."""

    train_when: Literal["always", "on_new_data", "on_drift"] = "on_new_data"
    """Train in every run, only if the dataset is not the champion's, or only if rows drifted."""
    fresh: Annotated[str, AfterValidator(_checked_age)] | None = Field(
        default=None, examples=["26h"]
    )
    """Age, such as 26h or 2d, that the features may reach before a person should look."""
