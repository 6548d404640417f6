"""Reading, working and writing at once: a thread ahead, a thread behind, bounded in between."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

__all__ = ["overlapped"]

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
    """Gives what `write` returned for each item, in order; `work` runs on the caller's thread.

    `work` takes items as it likes, and gives one for each. At most `in_flight` are read ahead of
    it and as many wait to be written. What one of the three raises is raised here; a write that
    has begun is finished first.
    """
    with _thread("read") as reader, _thread("write") as writer:
        behind: deque[Future[Written]] = deque()
        for worked in work(_read_ahead(items, read, reader, in_flight)):
            behind.append(writer.submit(write, worked))
            if len(behind) > in_flight:
                yield behind.popleft().result()
        while behind:
            yield behind.popleft().result()


def _read_ahead(
    items: Iterable[Item], read: Callable[[Item], Read], reader: ThreadPoolExecutor, count: int
) -> Iterator[Read]:
    waiting = iter(items)
    ahead = deque(reader.submit(read, item) for item in islice(waiting, count))
    while ahead:
        taken = ahead.popleft().result()
        ahead.extend(reader.submit(read, item) for item in islice(waiting, 1))
        yield taken


@contextmanager
def _thread(name: str) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
