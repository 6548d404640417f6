"""Streaming statistics, compared with NumPy's over the whole array."""

import numpy as np
import pytest

from aeflow.stages.ingestion.statistics import RunningStatistics


def statistics_of(values, blocks):
    statistics = RunningStatistics()
    for block in np.array_split(values, blocks):
        statistics.add(block)
    return statistics.result()


@pytest.mark.parametrize("blocks", [1, 3, 50])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_blocks_give_what_the_whole_array_gives(blocks, offset):
    values = (np.random.default_rng(0).normal(size=(50, 4, 3, 1)) + offset).astype(np.float32)
    exact = values.astype(np.float64)
    statistics = statistics_of(values, blocks)
    assert statistics.count == 50
    assert statistics.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert statistics.std == pytest.approx(exact.std(), rel=1e-9)
    assert (statistics.min, statistics.max) == (exact.min(), exact.max())
    np.testing.assert_allclose(statistics.position_mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.position_std, exact.std(axis=0), rtol=1e-8)


def test_bytes_do_not_overflow():
    statistics = statistics_of(np.full((1_000, 2), 255, dtype=np.uint8), 7)
    assert (statistics.mean, statistics.std) == (255.0, 0.0)
    assert statistics.position_mean.tolist() == [255.0, 255.0]
