"""Encoding: a whole dataset into latent features, in Parquet."""

from aeflow.encoding.encode import encode
from aeflow.encoding.spreading import ShardGroup, encode_shards

__all__ = ["ShardGroup", "encode", "encode_shards"]
