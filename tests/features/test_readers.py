"""The usual readers of Parquet all read the same rows, in every layout of the features."""

from pathlib import Path

import pandas as pd
import pytest

from aeflow.stages import Context
from aeflow.stages.encoding import encode
from tests.readers import LAYOUTS, READERS, check_same, expected_rows


@pytest.fixture(scope="module")
def expected(stages) -> pd.DataFrame:
    return expected_rows(stages.dataset, stages.model, stages.store)


@pytest.fixture(params=LAYOUTS)
def folder(request, changed) -> Path:
    features = encode(
        Context(changed.store), changed.model, LAYOUTS[request.param], dataset=changed.dataset
    )
    return changed.store.locate(features)


def test_every_reader_finds_the_same_rows(folder, expected):
    for name, read in READERS.items():
        table = read(folder)
        assert len(table) == 1797, name
        check_same(table, expected)
