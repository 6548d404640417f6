"""Kills stages at random moments, starts them again, and compares every byte; locally and on S3."""

import random
import signal
import subprocess
import time

from benchmarks.soak.stores import Place, places

__all__ = ["soak"]


def soak(kills: int) -> None:
    """Kills runs so many times in a local store, and as many times in one on S3.

    A round begins with an empty store and ends with the first run that nobody killed; what then
    lies there must be what an unbroken run leaves, byte for byte, and verify.
    """
    for place in places():
        _survive(kills, place)


def _survive(kills: int, place: Place) -> None:
    start = time.monotonic()
    expected = place.unbroken()
    longest = time.monotonic() - start  # its imports included: some rounds nobody kills
    done, rounds = 0, 0
    while done < kills:
        while (code := _run(place, f"{rounds}", longest if done < kills else None)) != 0:
            if code != -signal.SIGKILL:
                raise SystemExit(f"After {done} kills a run ended with {code}.")
            done += 1
        place.compare(f"{rounds}", expected, f"Round {rounds}, {done} kills")
        rounds += 1
    minutes = (time.monotonic() - start) / 60
    print(
        f"{place}: {done} kills in {rounds} rounds, {minutes:.1f} min: {len(expected)} files, "
        "every byte as in the unbroken run, nothing beside them, all sound."
    )


def _run(place: Place, store: str, longest: float | None) -> int:
    """Runs the stages, killed after a random time of at most `longest` seconds."""
    process = place.started(store)
    try:
        process.communicate("go\n", timeout=random.uniform(0, longest) if longest else None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode
