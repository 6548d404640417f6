"""The rows that the training step takes: resident on the device, or read ahead block by block.

A split that fits into `shuffle_bytes` stays on the device and is shuffled as a whole. A larger
split is never in memory as a whole. In this case, each epoch puts the split's chunks of 1024
adjacent rows into random order, reads the rows in blocks, and shuffles the rows of each block. The
next block is read while training uses the current block.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.compute.tensorflow import tf
from aeflow.configs import TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.storage import Store

__all__ = ["Block", "StoredRows", "TrainingBlocks", "chunk_ranges", "epoch_order", "open_rows"]

CHUNK_ROWS = 1024
"""The number of adjacent rows that are read together. For MNIST, these are about a megabyte."""


class StoredRows:
    """Reads rows of several stored arrays as if the arrays were one array [N, *shape]."""

    def __init__(self, parts: Sequence[np.ndarray]):
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape: tuple[int, ...] = parts[0].shape[1:]
        self.dtype: np.dtype = parts[0].dtype

    def __len__(self) -> int:
        """Returns the number of rows, N."""
        return int(self._ends[-1])

    def rows_within(self, max_bytes: int, *, multiple_of: int) -> int:
        """Returns the number of rows to keep in memory at once, given a limit of `max_bytes`.

        If all N rows fit, the number is N. Otherwise it is the largest multiple of `multiple_of`
        that fits. If not even `multiple_of` rows fit, the limit is exceeded: the number is
        `multiple_of`, but at most N.
        """
        max_rows = max_bytes // (int(np.prod(self.shape)) * self.dtype.itemsize)
        if len(self) <= max_rows:
            return len(self)
        return min(max(1, max_rows // multiple_of) * multiple_of, len(self))

    def read(self, ranges: Iterable[tuple[int, int]], *, room: int | None = None) -> np.ndarray:
        """Returns a copy of the rows of ranges (start, stop), in the order of the ranges.

        If `room` is given, rows of zeros are appended until the copy has `room` rows.
        """
        views = [view for start, stop in ranges for view in self._views(start, stop)]
        num_rows = sum(map(len, views))
        rows = np.zeros((room or num_rows, *self.shape), self.dtype)
        np.concatenate(views, out=rows[:num_rows])
        return rows

    def first(self, num_rows: int) -> np.ndarray:
        """Returns a copy of the first `num_rows` rows, or of all rows if there are fewer."""
        return self.read([(0, min(num_rows, len(self)))])

    def blocks(self, num_rows: int) -> Iterator[np.ndarray]:
        """Yields copies of all rows in their stored order, `num_rows` rows at a time."""
        for start in range(0, len(self), num_rows):
            yield self.read([(start, min(start + num_rows, len(self)))])

    def _views(self, start: int, stop: int) -> Iterator[np.ndarray]:
        number = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            part = self._parts[number]
            offset = start - (int(self._ends[number]) - len(part))
            view = part[offset : offset + stop - start]
            yield view
            start, number = start + len(view), number + 1


def open_rows(dataset: Dataset, split: str, store: Store) -> StoredRows:
    """Returns the rows of a split, mapped into memory."""
    return StoredRows([shard.features for shard in open_split(dataset, split, store)])


@dataclass(frozen=True)
class Block:
    """Holds rows [M, *shape] on the device, and the order in which an epoch takes these rows.

    `order` holds indices of rows. If the block is padded, `order` has fewer than M indices.
    """

    rows: tf.Tensor
    order: np.ndarray
    first_step: int
    """The step of the epoch, counted from 0, that takes the first of these rows."""
    num_steps: int


class TrainingBlocks:
    """Yields the rows of each epoch in blocks of one shape. The seed determines their order."""

    def __init__(self, rows: StoredRows, config: TrainConfig):
        self._rows = rows
        self._config = config
        self.num_rows = len(rows)
        block_rows = rows.rows_within(config.shuffle_bytes, multiple_of=config.batch_size)
        self._num_blocks = -(-self.num_rows // block_rows)
        self.block_rows = block_rows
        self._resident: tf.Tensor | None = None
        if self._num_blocks == 1:
            self._resident = tf.constant(rows.first(self.num_rows))
        self._reader = ThreadPoolExecutor(1, "read-ahead")
        self._coming: dict[tuple[int, int], Future[Block]] = {}

    @property
    def spec(self) -> tf.TensorSpec:
        """The shape and type of a block's rows, which are the same for every block."""
        return tf.TensorSpec((self.block_rows, *self._rows.shape), self._rows.dtype)

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps in an epoch; the last step takes the remaining rows."""
        return -(-self.num_rows // self._config.batch_size)

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[Block]:
        """Yields the blocks of an epoch, beginning with the block that holds step `first_step`.

        Steps are counted from the start of the epoch.
        """
        steps_per_block = -(-self.block_rows // self._config.batch_size)
        for number in range(first_step // steps_per_block, self._num_blocks):
            block = self._ahead(epoch, number).result()
            del self._coming[epoch, number]
            following = (epoch, number + 1) if number + 1 < self._num_blocks else (epoch + 1, 0)
            if self._resident is None and following[0] < self._config.epochs:
                self._ahead(*following)
            yield block

    def _ahead(self, epoch: int, number: int) -> "Future[Block]":
        """Returns the future of a block. Starts to read the block if reading has not begun."""
        if (epoch, number) not in self._coming:
            self._coming[epoch, number] = self._reader.submit(self._read, epoch, number)
        return self._coming[epoch, number]

    def _read(self, epoch: int, number: int) -> Block:
        start = number * self.block_rows
        stop = min(start + self.block_rows, self.num_rows)
        rows = self._resident
        if rows is None:
            ranges = chunk_ranges(self.num_rows, start, stop, seed=self._config.seed, epoch=epoch)
            rows = tf.constant(self._rows.read(ranges, room=self.block_rows))
        batch_size = self._config.batch_size
        return Block(
            rows=rows,
            order=epoch_order(stop - start, seed=self._config.seed, epoch=epoch, block=number),
            first_step=start // batch_size,
            num_steps=-(-(stop - start) // batch_size),
        )


def epoch_order(num_rows: int, *, seed: int, epoch: int, block: int = 0) -> np.ndarray:
    """Returns the indices of a block's rows in random order, int32 [num_rows].

    Equal arguments give the same order.
    """
    generator = np.random.Generator(np.random.PCG64([seed, epoch, block]))
    return generator.permutation(num_rows).astype(np.int32)


def chunk_ranges(
    num_rows: int, start: int, stop: int, *, seed: int, epoch: int
) -> list[tuple[int, int]]:
    """Returns the ranges (start, stop) of stored rows that one block of an epoch reads.

    Each epoch takes all chunks of a split in random order. The block holds the rows at positions
    `start` to `stop` (excluded) of this order.
    """
    num_chunks = -(-num_rows // CHUNK_ROWS)
    generator = np.random.Generator(np.random.PCG64([seed, epoch, 0, 1]))
    first_rows = generator.permutation(num_chunks) * CHUNK_ROWS
    lengths = np.minimum(CHUNK_ROWS, num_rows - first_rows)
    ends = np.cumsum(lengths)
    within = slice(
        int(np.searchsorted(ends, start, side="right")),
        int(np.searchsorted(ends, stop, side="left")) + 1,
    )
    return [
        (int(first + max(start - (end - length), 0)), int(first + length - max(end - stop, 0)))
        for first, length, end in zip(
            first_rows[within], lengths[within], ends[within], strict=True
        )
    ]
