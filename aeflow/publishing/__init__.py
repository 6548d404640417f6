"""Shows a run to people: TensorBoard event files and one self-contained report."""

from aeflow import tensorflow  # noqa: F401
from aeflow.publishing.publish import publish

__all__ = ["publish"]
