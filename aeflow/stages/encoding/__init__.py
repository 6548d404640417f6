"""Encoding: a whole dataset into latent features, in Parquet."""

from aeflow.stages.encoding.encode import encode

__all__ = ["encode"]
