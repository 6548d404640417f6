"""The gate: whether a challenger may be promoted, by rules of which each gives its reason."""

from aeflow.stages.gating.gate import gate
from aeflow.stages.gating.rules import RULES, Case, Ruling

__all__ = ["RULES", "Case", "Ruling", "gate"]
