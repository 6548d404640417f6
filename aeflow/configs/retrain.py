"""When a retraining run trains a new model.

A model depends on the data that the run trains on, and not on these options.
"""

from typing import Literal

from aeflow.configs.config import Config

__all__ = ["RetrainConfig"]


class RetrainConfig(Config):
    """Sets when a new model is due, if there is already a champion."""

    train_when: Literal["always", "on_new_data", "on_drift"] = "on_new_data"
    """Train in every run, only if the dataset is not the champion's, or only if rows drifted."""
