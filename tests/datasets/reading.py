"""All rows of a source at once."""

from typing import Any

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Rows, Source, open_source

__all__ = ["opened", "rows_of"]


def opened(source: str, **options: Any) -> Source:
    return open_source(IngestConfig(source=source, **options))


def rows_of(source: Source) -> Rows:
    """Joins the rows of all pieces; a block that is not one array stays a list."""
    blocks = [rows for piece in source.pieces() for rows in source.read(piece)]
    are_arrays = all(isinstance(block.features, np.ndarray) for block in blocks)
    labels = [block.labels for block in blocks if block.labels is not None]
    return Rows(
        ids=[name for block in blocks for name in block.ids],
        features=np.concatenate([block.features for block in blocks])
        if are_arrays
        else [example for block in blocks for example in block.features],
        labels=np.concatenate(labels) if labels else None,
    )
