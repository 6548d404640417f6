"""Reading, working and writing at once: in order, within bounds, and no error is lost."""

import time

import pytest

from aeflow.compute.overlap import overlapped


def test_overlapped_keeps_the_order_and_the_bound():
    held, most = [0], [0]

    def read(item):
        held[0] += 1
        most[0] = max(most[0], held[0])
        return item

    def write(item):
        time.sleep(0.005)
        held[0] -= 1
        return item * 10

    written = list(overlapped(range(20), read=read, work=iter, write=write, in_flight=2))
    assert written == [item * 10 for item in range(20)]
    assert most[0] <= 2 + 1 + 3


@pytest.mark.parametrize("stage", ["read", "work", "write"])
def test_what_one_part_raises_reaches_the_caller(stage):
    def fail(item):
        raise ValueError(f"{stage} {item}")

    parts = {"read": lambda i: i, "work": iter, "write": lambda i: i}
    parts[stage] = (lambda items: map(fail, items)) if stage == "work" else fail
    with pytest.raises(ValueError, match=f"{stage} 0"):
        list(overlapped([0, 1], in_flight=2, **parts))
