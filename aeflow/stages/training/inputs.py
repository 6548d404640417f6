"""The rows that the training step takes: resident on the device, or read ahead block by block.

A split that fits into `shuffle_bytes` stays on the device and is shuffled as a whole. A larger
split is never in memory as a whole. Each epoch shuffles its chunks of 1024 rows and reads them in
blocks of several chunks. It reads each block while training uses the previous block, and shuffles
the rows of the block.
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
"""The number of adjacent rows that are read together; for MNIST, they are about a megabyte."""


class StoredRows:
    """Gives access to stored rows [N, *shape], in their stored type, across several arrays."""

    def __init__(self, parts: Sequence[np.ndarray]):
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape: tuple[int, ...] = parts[0].shape[1:]
        self.dtype: np.dtype = parts[0].dtype

    def __len__(self) -> int:
        """Returns the number of rows, N."""
        return int(self._ends[-1])

    def rows_within(self, max_bytes: int, *, multiple_of: int) -> int:
        """Returns how many rows fit into `max_bytes`.

        If all rows fit, this is their number N. Otherwise it is the largest multiple of
        `multiple_of` that fits, or `multiple_of` itself if not even that fits, but at most N.
        """
        max_rows = max_bytes // (int(np.prod(self.shape)) * self.dtype.itemsize)
        if len(self) <= max_rows:
            return len(self)
        return min(max(1, max_rows // multiple_of) * multiple_of, len(self))

    def read(self, ranges: Iterable[tuple[int, int]], *, room: int | None = None) -> np.ndarray:
        """Copies the rows of ranges (start, stop), in order; pads with zeros to `room` rows."""
        views = [view for start, stop in ranges for view in self._views(start, stop)]
        num_rows = sum(map(len, views))
        rows = np.zeros((room or num_rows, *self.shape), self.dtype)
        np.concatenate(views, out=rows[:num_rows])
        return rows

    def first(self, num_rows: int) -> np.ndarray:
        """Copies the first `num_rows` rows, or all rows if there are fewer."""
        return self.read([(0, min(num_rows, len(self)))])

    def blocks(self, num_rows: int) -> Iterator[np.ndarray]:
        """Copies all rows in their order, `num_rows` at a time."""
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
    """Maps the rows of a split into memory."""
    return StoredRows([shard.features for shard in open_split(dataset, split, store)])


@dataclass(frozen=True)
class Block:
    """Holds rows [M, *shape] on the device, and the `order` in which an epoch takes them.

    `order` is shorter than M if the block is padded.
    """

    rows: tf.Tensor
    order: np.ndarray
    first_step: int
    """The step of the epoch, counted from 0, that takes the first of these rows."""
    num_steps: int


class TrainingBlocks:
    """Yields the rows of each epoch in blocks of one shape, in an order that the seed decides."""

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
        """Yields the blocks of an epoch, from the one that holds step `first_step` of the epoch."""
        steps_per_block = -(-self.block_rows // self._config.batch_size)
        for number in range(first_step // steps_per_block, self._num_blocks):
            block = self._ahead(epoch, number).result()
            del self._coming[epoch, number]
            following = (epoch, number + 1) if number + 1 < self._num_blocks else (epoch + 1, 0)
            if self._resident is None and following[0] < self._config.epochs:
                self._ahead(*following)
            yield block

    def _ahead(self, epoch: int, number: int) -> "Future[Block]":
        """Returns the future of a block, and starts to read the block if that has not begun."""
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
    """Returns the order int32 [num_rows] of a block; it depends on seed, epoch and block alone."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch, block]))
    return generator.permutation(num_rows).astype(np.int32)


def chunk_ranges(
    num_rows: int, start: int, stop: int, *, seed: int, epoch: int
) -> list[tuple[int, int]]:
    """Returns the row ranges at positions `start` to `stop` of the epoch's shuffled chunks."""
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
