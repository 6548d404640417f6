"""Training: from a dataset to a model, by our own gradient tape loop."""

from aeflow import tensorflow  # noqa: F401
from aeflow.training.train import train, training_question

__all__ = ["train", "training_question"]
