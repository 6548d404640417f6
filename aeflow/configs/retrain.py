"""The options that decide when a run trains a new model, and how old features may become.

These options do not change the model itself.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["RetrainConfig", "age_limit"]


class RetrainConfig(Config):
    """Sets when a retraining run trains a new model, if there is already a champion."""

    train_when: Literal["always", "on_new_data", "on_drift"] = "on_new_data"
    """Train in every run, only if the dataset is not the champion's, or only if rows drifted."""
    fresh: str | None = Field(default=None, pattern=r"^[1-9]\d{0,3}[hd]$", examples=["26h"])
    """Age in hours or days, such as 26h or 2d, beyond which the features need a person."""


def age_limit(fresh: str) -> timedelta:
    """Returns the time that `fresh` stands for, such as 26 hours for `26h`."""
    count = int(fresh[:-1])
    return timedelta(hours=count) if fresh.endswith("h") else timedelta(days=count)
