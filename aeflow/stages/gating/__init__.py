"""The gate: rules that decide whether a challenger may be promoted, and give their reasons."""

from aeflow.stages.gating.gate import gate
from aeflow.stages.gating.rules import RULES, Case, Ruling

__all__ = ["RULES", "Case", "Ruling", "gate"]
