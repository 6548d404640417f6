"""Training: from a dataset to a model, with our own gradient tape loop."""

from aeflow.stages.training.train import train

__all__ = ["train"]
