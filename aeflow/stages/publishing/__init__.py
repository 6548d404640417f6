"""The publish stage: it writes TensorBoard's files and one self-contained report of a run."""

from aeflow.stages.publishing.publish import publish

__all__ = ["publish"]
