"""Work that is done again and again, each time with a fault one call later."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from aeflow.errors import AeflowError
from aeflow.storage import Store
from tests.chains import problems_in
from tests.storage.faults import Fault, Interruption, Killed, Kind
from tests.storage.places import Place, committed_contents, drafts

Work = Callable[[Store], object]
MOST = 10_000


def struck(work: Work, start: Place, kind: Kind) -> Iterator[tuple[Place, str]]:
    """Yields what each fault left of a copy of a store, until the work makes no more calls."""
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
    """Returns how many faults there were before the work made no more calls.

    After each fault whatever is committed is whole, and a clean run ends in the bytes of a run
    without faults.
    """
    count, whole = 0, start.copied("whole")
    work(whole.store())
    for place, when in struck(work, start, kind):
        work(place.store())
        assert committed_contents(place) == committed_contents(whole), when
        assert problems_in(place.store()) == [], when
        assert drafts(place) == [], when
        count += 1
    return count


def interrupted(
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
