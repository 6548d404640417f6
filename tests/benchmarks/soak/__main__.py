"""Kills runs for ten minutes, then queues sixty on two workers: `make soak`, or a shorter one."""

import argparse

from tests.benchmarks.soak import killing, queueing


def main() -> None:
    """Runs both parts; a part with nothing to do is left out."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="For how long runs are killed.")
    parser.add_argument("--runs", type=int, default=60, help="How many encode runs are queued.")
    given = parser.parse_args()
    if given.seconds > 0:
        killing.soak(given.seconds)
    if given.runs > 0:
        queueing.soak(given.runs)


if __name__ == "__main__":
    main()
