"""When a retraining run trains; which data it trains on decides the answer, this does not."""

from typing import Literal

from aeflow.configs.config import Config

__all__ = ["RetrainConfig"]


class RetrainConfig(Config):
    """Says when a new model is due, where a champion stands already."""

    train_when: Literal["always", "on_new_data", "on_drift"] = "on_new_data"
    """Train in every run, when the dataset is not the champion's own, or when its rows drifted."""
