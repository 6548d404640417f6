"""Evaluation: how well a model reconstructs rows it has not seen, compared with PCA."""

from aeflow.stages.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
