"""Comparison: rows with those that a model was trained on, and a model with the one before it."""

from aeflow.stages.comparison.compatibility import measure_compatibility
from aeflow.stages.comparison.drift import measure_drift

__all__ = ["measure_compatibility", "measure_drift"]
