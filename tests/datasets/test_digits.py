"""scikit-learn's digits as a source."""

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import open_source


def test_digits_are_one_piece_of_1797_images_of_0_to_16():
    source = open_source(IngestConfig(source="digits"))
    (piece,) = source.pieces()
    (rows,) = source.read(piece)
    assert (piece.split, piece.rows) == (None, 1797)
    assert rows.features.shape == (1797, 8, 8, 1)
    assert rows.features.dtype == np.uint8
    assert (rows.features.min(), rows.features.max()) == (0, 16)
    assert source.value_range == (0.0, 16.0)


def test_digits_have_derived_ids_and_labels():
    source = open_source(IngestConfig(source="digits"))
    (rows,) = source.read(source.pieces()[0])
    assert rows.ids[:2] + rows.ids[-1:] == ["digits/0", "digits/1", "digits/1796"]
    assert rows.labels[:5].tolist() == [0, 1, 2, 3, 4]
    assert source.label_names == tuple("0123456789")
