"""Kills, pairs and queues runs, fails each storage call, trains from five seeds: `make soak`."""

import argparse

from benchmarks.faults import survive_faults
from benchmarks.soak import killing, learning, pairing, queueing


def main() -> None:
    """Runs all parts; a part with nothing to do is left out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="How often runs are killed, twice.")
    parser.add_argument("--pairs", type=int, default=5, help="How often two runs begin at once.")
    parser.add_argument("--runs", type=int, default=60, help="How many encode runs are queued.")
    parser.add_argument("--faults", type=int, default=4, help="How many kinds of faults strike.")
    parser.add_argument("--seeds", type=int, default=5, help="From how many seeds kinds train.")
    given = parser.parse_args()
    if given.kills > 0:
        killing.soak(given.kills)
    if given.pairs > 0:
        pairing.soak(given.pairs)
    if given.runs > 0:
        queueing.soak(given.runs)
    if given.faults > 0:
        survive_faults(given.faults)
    if given.seeds > 0:
        learning.soak(given.seeds)


if __name__ == "__main__":
    main()
