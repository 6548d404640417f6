"""Shows a run to people: TensorBoard event files and one self-contained report."""

from aeflow.stages.publishing.publish import publish

__all__ = ["publish"]
