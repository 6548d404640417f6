"""Encoding: a whole dataset into latent features, in Parquet."""

from aeflow.encoding.encode import encode

__all__ = ["encode"]
