"""Starts the same stages twice at once, and checks that both get one answer, locally and on S3."""

import time

from benchmarks.soak.stores import places

__all__ = ["soak"]


def soak(times: int) -> None:
    """Starts two processes at once that ingest, train and encode the same, in an empty store.

    Both must exit with 0, and the store must contain the same bytes as after a single run. This is
    repeated `times` times.
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
                raise SystemExit(f"{place}: the runs of pair {number} exited with {codes}.")
            place.compare(f"pair-{number}", expected, f"Pair {number}")
        minutes = (time.monotonic() - start) / 60
        print(f"{place}: {times} pairs at once, {minutes:.1f} min: one answer each, no failures.")
