"""Work that is repeated, each time with a fault one call later."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from aeflow.errors import AeflowError
from aeflow.storage import Store
from tests.chains import problems_in
from tests.storage.faults import Fault, Interruption, Killed, Kind
from tests.storage.places import Place, committed_contents, drafts

Work = Callable[[Store], object]
MOST = 10_000


def after_each_fault(work: Work, start: Place, kind: Kind) -> Iterator[tuple[Place, str]]:
    """Yields a copy of a store after each fault, until the work has no more calls to fail."""
    for number in range(1, MOST):
        place, fault = start.copied("faulty"), Fault(kind, number)
        with suppress(OSError, AeflowError, Killed):
            work(place.store(fault))
        if not fault.is_seen:
            return
        when = f"{kind} at call {number}"
        assert problems_in(place.store()) == [], when
        place.lapse_leases()
        yield place, when
    raise AssertionError("there is no end of calls")


def count_survived(work: Work, start: Place, kind: Kind) -> int:
    """Returns the number of faults until the work has no more calls to fail.

    Asserts that after each fault every committed artifact is whole, and that a run without a fault
    then ends in the same bytes as if there had been none.
    """
    count, expected = 0, start.copied("whole")
    work(expected.store())
    for place, when in after_each_fault(work, start, kind):
        work(place.store())
        assert committed_contents(place) == committed_contents(expected), when
        assert problems_in(place.store()) == [], when
        assert drafts(place) == [], when
        count += 1
    return count


def before_each_call(
    work: Work, start: Place, act: Callable[[Place], object], *leaving_out: str
) -> Iterator[tuple[Place, str]]:
    """Yields copies of a store in which another process acted just before one call of the work."""
    for number in range(1, MOST):
        place = start.copied("interrupted")
        interruption = Interruption(
            "error", number, act=lambda place=place: act(place), leaving_out=leaving_out
        )
        work(place.store(interruption))
        if not interruption.is_seen:
            return
        yield place, f"before call {number}"
    raise AssertionError("there is no end of calls")
