"""The options that decide when a retraining run trains a new model.

These options do not change the model itself.
"""

from typing import Literal

from aeflow.configs.config import Config

__all__ = ["RetrainConfig"]


class RetrainConfig(Config):
    """Sets when a retraining run trains a new model, if there is already a champion."""

    train_when: Literal["always", "on_new_data", "on_drift"] = "on_new_data"
    """Train in every run, only if the dataset is not the champion's, or only if rows drifted."""
