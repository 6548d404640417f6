"""The stages: each is a typed function that answers a question, with a context to work in."""

from aeflow.stages.stage import Stage, stage
from aeflow.stages.work import Answered, Context, Work

__all__ = ["Answered", "Context", "Stage", "Work", "stage"]
