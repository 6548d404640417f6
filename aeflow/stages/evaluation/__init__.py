"""Evaluation: how well a model reconstructs new rows, compared with PCA."""

from aeflow.stages.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
