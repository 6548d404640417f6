"""The encoding stage: encodes a whole dataset into latent features, stored as Parquet."""

from aeflow.stages.encoding.encode import encode

__all__ = ["encode"]
