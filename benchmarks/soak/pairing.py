"""Starts the same stages twice at once, and sees that both end with one answer; locally, on S3."""

import time

from benchmarks.soak.stores import places

__all__ = ["soak"]


def soak(times: int) -> None:
    """Lets two processes ingest, train and encode the same at once, in an empty store each time.

    Both must end with 0, and what lies there must be what one run alone leaves, byte for byte.
    """
    for place in places():
        start = time.monotonic()
        expected = place.unbroken()
        for number in range(times):
            pair = [place.started(f"pair-{number}") for _ in range(2)]
            for process in pair:
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
            codes = [process.wait() for process in pair]
            if codes != [0, 0]:
                raise SystemExit(f"{place}: of pair {number} the runs ended with {codes}.")
            place.compare(f"pair-{number}", expected, f"Pair {number}")
        minutes = (time.monotonic() - start) / 60
        print(
            f"{place}: {times} pairs at once, {minutes:.1f} min: one answer each, both ended well."
        )
