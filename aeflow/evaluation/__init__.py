"""Evaluation: how well a model reconstructs rows it has not seen, beside what costs nothing."""

from aeflow.evaluation.evaluate import evaluate, evaluation_question

__all__ = ["evaluate", "evaluation_question"]
