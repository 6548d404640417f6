"""Autoencoders: their networks and kinds, and how models are built, saved, loaded and run."""

from aeflow.compute import tensorflow  # noqa: F401
from aeflow.models.autoencoder import Autoencoder
from aeflow.models.building import build, kind_class
from aeflow.models.inference import Inference
from aeflow.models.saving import in_float32, in_precision, load_model, save_model

__all__ = [
    "Autoencoder",
    "Inference",
    "build",
    "in_float32",
    "in_precision",
    "kind_class",
    "load_model",
    "save_model",
]
