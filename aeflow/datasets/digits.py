"""The `digits` source: scikit-learn's 1,797 handwritten digits of 8 x 8, with values 0 to 16.

The source needs no network.
"""

import hashlib
from collections.abc import Iterator
from typing import cast

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import OnWait, Piece, Rows, derived_ids

__all__ = ["Digits"]


class Digits:
    """Reads the digits as images [8, 8, 1] of uint8; they come without splits."""

    name = "digits"
    value_range = (0.0, 16.0)
    columns = ()
    skipped_stores = ()

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        loaded = cast(Bunch, load_digits())
        self.label_names = tuple(str(label) for label in loaded.target_names)
        self._images = loaded.images.astype(np.uint8)[..., None]
        self._labels = loaded.target.astype(np.int64)

    def pieces(self) -> list[Piece]:
        """Returns the only piece, which holds all digits."""
        digest = hashlib.sha256(self._images.tobytes() + self._labels.tobytes()).hexdigest()
        return [Piece("digits", digest, None, len(self._images))]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads all rows as one block."""
        yield Rows(derived_ids(piece, 0, piece.rows), self._images, self._labels)
