"""Reading, working and writing at the same time: one thread reads ahead, another writes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

__all__ = ["ahead", "overlapped"]

Item = TypeVar("Item")
Content = TypeVar("Content")
Result = TypeVar("Result")
Output = TypeVar("Output")


def overlapped(
    items: Iterable[Item],
    *,
    read: Callable[[Item], Content],
    work: Callable[[Iterator[Content]], Iterator[Result]],
    write: Callable[[Result], Output],
    in_flight: int,
) -> Iterator[Output]:
    """Yields what `write` returned for each item, in order; `work` runs on the caller's thread.

    `work` takes the contents that `read` returned, and yields one result for each item. At most
    `in_flight` items are read ahead of `work`, and at most `in_flight` results wait to be written.
    If `read`, `work` or `write` raises an exception, this function finishes the write that has
    begun and then raises the exception.
    """
    with _thread("read") as reader, _thread("write") as writer:
        reads = ahead((reader.submit(read, item) for item in items), in_flight)
        writes: deque[Future[Output]] = deque()
        for result in work(future.result() for future in reads):
            writes.append(writer.submit(write, result))
            if len(writes) > in_flight:
                yield writes.popleft().result()
        while writes:
            yield writes.popleft().result()


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yields items in order. Takes the next `count` items from `items` before it yields an item."""
    iterator = iter(items)
    buffer = deque(islice(iterator, count))
    while buffer:
        buffer.extend(islice(iterator, 1))
        yield buffer.popleft()


@contextmanager
def _thread(name: str) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
