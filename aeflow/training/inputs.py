"""Training rows on the device, once, and the order in which an epoch sees them."""

import numpy as np
import tensorflow as tf

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import open_split
from aeflow.storage import Store

__all__ = ["epoch_order", "resident_rows"]


def resident_rows(dataset: Dataset, split: str, store: Store) -> tf.Tensor:
    """Returns all stored rows [N, *shape] of a split, on the device, in their stored type."""
    return tf.constant(
        np.concatenate([shard.features for shard in open_split(dataset, split, store)])
    )


def epoch_order(num_rows: int, *, seed: int, epoch: int) -> np.ndarray:
    """Returns the order int32 [num_rows] of one epoch, a function of seed and epoch alone."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch]))
    return generator.permutation(num_rows).astype(np.int32)
