"""Reading, working and writing at the same time: one thread reads ahead, another writes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

__all__ = ["ahead", "overlapped"]

Item = TypeVar("Item")
Read = TypeVar("Read")
Worked = TypeVar("Worked")
Written = TypeVar("Written")


def overlapped(
    items: Iterable[Item],
    *,
    read: Callable[[Item], Read],
    work: Callable[[Iterator[Read]], Iterator[Worked]],
    write: Callable[[Worked], Written],
    in_flight: int,
) -> Iterator[Written]:
    """Yields what `write` returned for each item, in order; `work` runs on the caller's thread.

    `work` takes items at its own pace, and yields one result for each. At most `in_flight` items
    are read ahead of it, and at most as many wait to be written. An exception of any of the three
    is raised here; a write that has begun is finished first.
    """
    with _thread("read") as reader, _thread("write") as writer:
        begun = ahead((reader.submit(read, item) for item in items), in_flight)
        behind: deque[Future[Written]] = deque()
        for worked in work(future.result() for future in begun):
            behind.append(writer.submit(write, worked))
            if len(behind) > in_flight:
                yield behind.popleft().result()
        while behind:
            yield behind.popleft().result()


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yields items in order, each only after the `count` items that follow it were taken."""
    waiting = iter(items)
    taken = deque(islice(waiting, count))
    while taken:
        taken.extend(islice(waiting, 1))
        yield taken.popleft()


@contextmanager
def _thread(name: str) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
