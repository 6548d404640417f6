"""The declaration of stages, and what a stage works with: a context, a question and a draft."""

from aeflow.stages.stage import Stage, stage
from aeflow.stages.work import Answered, Context, Work

__all__ = ["Answered", "Context", "Stage", "Work", "stage"]
