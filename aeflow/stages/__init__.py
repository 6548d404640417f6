"""What a stage is: one typed function that answers a question, and what it works with."""

from aeflow.stages.stage import Stage, stage
from aeflow.stages.work import Answered, Context, Work

__all__ = ["Answered", "Context", "Stage", "Work", "stage"]
