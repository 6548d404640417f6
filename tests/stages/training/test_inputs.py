"""The rows of training: each is taken once an epoch, however many fit into memory."""

import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeflow.configs import ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import Interrupted
from aeflow.stages.training.inputs import StoredRows, TrainingBlocks, chunk_ranges, epoch_order
from aeflow.storage import Store
from tests.stages.training.test_resume import trained

ROWS = np.arange(5_000, dtype=np.uint16).reshape(-1, 1)
SMALL = ModelConfig(latent_dim=8)
FOUR_BLOCKS = TrainConfig(epochs=3, batch_size=64, shuffle_bytes=25_000)
"""Digits have about 1,500 training rows of 64 bytes: blocks of 384 rows, the last one short."""


def numbered(*lengths: int) -> StoredRows:
    return StoredRows(np.split(ROWS[: sum(lengths)], np.cumsum(lengths)[:-1]))


def rows_of(blocks: TrainingBlocks, epoch: int, **options) -> list[int]:
    return [
        number
        for block in blocks.epoch(epoch, **options)
        for number in block.rows.numpy()[block.order, 0].tolist()
    ]


def test_epoch_order_is_a_permutation_that_follows_from_seed_epoch_and_block():
    order = epoch_order(100, seed=1, epoch=2)
    assert sorted(order.tolist()) == list(range(100))
    assert order.tolist() == epoch_order(100, seed=1, epoch=2).tolist()
    for other in ({"seed": 2, "epoch": 2}, {"seed": 1, "epoch": 3}):
        assert order.tolist() != epoch_order(100, **other).tolist()
    assert order.tolist() != epoch_order(100, seed=1, epoch=2, block=1).tolist()


def test_ranges_are_read_across_the_arrays_that_hold_them():
    rows = numbered(3, 1, 6)
    assert rows.read([(8, 10), (1, 5)]).ravel().tolist() == [8, 9, 1, 2, 3, 4]
    assert rows.read([(0, 2)], room=4).ravel().tolist() == [0, 1, 0, 0]
    assert [len(block) for block in rows.blocks(4)] == [4, 4, 2]
    assert rows.first(20).ravel().tolist() == list(range(10))


@settings(deadline=None)  # a machine may be busy
@given(
    num_rows=st.integers(1, 5_000), block_rows=st.integers(1, 5_000), seed=st.integers(0, 2**31 - 1)
)
def test_chunks_of_all_blocks_hold_each_row_once(num_rows: int, block_rows: int, seed: int):
    chunk_rows = [
        row
        for start in range(0, num_rows, block_rows)
        for first, end in chunk_ranges(
            num_rows, start, min(start + block_rows, num_rows), seed=seed, epoch=3
        )
        for row in range(first, end)
    ]
    assert sorted(chunk_rows) == list(range(num_rows))


def test_an_epoch_in_blocks_sees_each_row_once_in_an_order_of_its_own():
    blocks = TrainingBlocks(
        numbered(700, 3_000, 1_300), TrainConfig(batch_size=100, shuffle_bytes=2_500)
    )
    assert blocks.spec.shape == (1_200, 1)
    first, second = rows_of(blocks, 0), rows_of(blocks, 1)
    assert sorted(first) == sorted(second) == list(range(5_000))
    assert first != second
    assert max(first[:1_200]) > 1_200  # chunks come from the whole split
    assert rows_of(blocks, 1, first_step=30) == second[2_400:]


def test_rows_that_fit_are_shuffled_whole():
    blocks = TrainingBlocks(numbered(700, 300), TrainConfig(batch_size=100))
    (block,) = blocks.epoch(2)
    assert block.num_steps == blocks.steps_per_epoch == 10
    assert block.order.tolist() == epoch_order(1_000, seed=0, epoch=2).tolist()


def test_a_block_is_not_larger_than_the_data():
    config = TrainConfig(batch_size=2_000, shuffle_bytes=100)
    blocks = TrainingBlocks(numbered(700, 300), config)
    (block,) = blocks.epoch(0)
    assert block.rows.shape == blocks.spec.shape == (1_000, 1)


@pytest.mark.parametrize("shuffle_bytes", [1_000, 2**30])
def test_fewer_rows_than_a_batch_make_one_step_per_epoch(tmp_path, shuffle_bytes):
    config = TrainConfig(epochs=2, batch_size=4_096, shuffle_bytes=shuffle_bytes)
    files = trained(Store(tmp_path), SMALL, config=config)
    history = pq.read_table(pa.BufferReader(files["history.parquet"]))
    assert history["step"].to_pylist() == [1, 2]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> dict[str, bytes]:
    return trained(Store(tmp_path_factory.mktemp("unbroken")), SMALL, config=FOUR_BLOCKS)


def last_loss(files: dict[str, bytes]) -> float:
    history = pq.read_table(pa.BufferReader(files["history.parquet"]))
    return history["validation_loss"][-1].as_py()


def test_training_in_blocks_reaches_the_same_loss(unbroken, tmp_path):
    whole = FOUR_BLOCKS.model_copy(update={"shuffle_bytes": 2**30})
    loss = last_loss(trained(Store(tmp_path), SMALL, config=whole))
    assert last_loss(unbroken) == pytest.approx(loss, rel=0.05)
    assert last_loss(unbroken) != loss


def test_steps_per_call_change_no_byte_of_training_in_blocks(unbroken, tmp_path):
    runtime = RuntimeConfig(steps_per_call=5)
    assert trained(Store(tmp_path), SMALL, config=FOUR_BLOCKS, runtime=runtime) == unbroken


@pytest.mark.parametrize("stopped_at", [12, 14, 23])
def test_interrupted_in_a_block_it_goes_on_from_that_step(unbroken, tmp_path, caplog, stopped_at):
    def stop(progress):
        if progress.done >= stopped_at:
            raise Interrupted("enough")

    store = Store(tmp_path)
    one_at_a_time = RuntimeConfig(steps_per_call=1)
    with pytest.raises(Interrupted):
        trained(store, SMALL, config=FOUR_BLOCKS, runtime=one_at_a_time, on_progress=stop)
    with caplog.at_level(logging.INFO):
        resumed = trained(store, SMALL, config=FOUR_BLOCKS)
    assert f"goes on from step {stopped_at} of 72" in caplog.text
    assert resumed == unbroken
