"""Kills stages at random moments, restarts them, and compares every byte, locally and on S3."""

import random
import signal
import subprocess
import time

from benchmarks.soak.stores import Place, places

__all__ = ["soak"]


def soak(kills: int) -> None:
    """Kills `kills` runs in a local store, and as many in a store on S3.

    A round starts with an empty store and ends with the first run that was not killed. The store
    must then verify and contain the same bytes as after an uninterrupted run.
    """
    for place in places():
        _survive(kills, place)


def _survive(kills: int, place: Place) -> None:
    start = time.monotonic()
    expected = place.unbroken()
    longest = time.monotonic() - start  # includes imports, so that some rounds end without a kill
    kills_done, rounds = 0, 0
    while kills_done < kills:
        while (code := _run(place, f"{rounds}", longest if kills_done < kills else None)) != 0:
            if code != -signal.SIGKILL:
                raise SystemExit(f"After {kills_done} kills a run ended with {code}.")
            kills_done += 1
        place.compare(f"{rounds}", expected, f"Round {rounds}, {kills_done} kills")
        rounds += 1
    minutes = (time.monotonic() - start) / 60
    print(
        f"{place}: {kills_done} kills in {rounds} rounds, {minutes:.1f} min: "
        f"{len(expected)} files, every byte as in the uninterrupted run, no others, all verified."
    )


def _run(place: Place, store: str, longest: float | None) -> int:
    """Runs the stages and kills them after a random time of at most `longest` seconds."""
    process = place.started(store)
    try:
        process.communicate("go\n", timeout=random.uniform(0, longest) if longest else None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode
