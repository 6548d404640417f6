"""Evaluation: how well a model reconstructs rows it has not seen, beside what costs nothing."""

from aeflow import tensorflow  # noqa: F401
from aeflow.evaluation.evaluate import evaluate, evaluation_question
from aeflow.evaluation.one_class import WAYS, ClassScores, labels_of, score_class

__all__ = [
    "WAYS",
    "ClassScores",
    "evaluate",
    "evaluation_question",
    "labels_of",
    "score_class",
]
