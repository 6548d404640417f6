"""Comparison of rows with those that a model was trained on, and of a new model with an old one."""

from aeflow.stages.comparison.compatibility import measure_compatibility
from aeflow.stages.comparison.drift import measure_drift
from aeflow.stages.comparison.judged import drift_that_stands, judged_before

__all__ = ["drift_that_stands", "judged_before", "measure_compatibility", "measure_drift"]
