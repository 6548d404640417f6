"""The soak: kills, pairs and queues runs, injects storage faults, trains seeds: `make soak`."""

import argparse

from benchmarks.faults import survive_faults
from benchmarks.soak import killing, learning, pairing, queueing


def main() -> None:
    """Runs all parts; a part with the number 0 is skipped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="Kills per kind of store.")
    parser.add_argument("--pairs", type=int, default=5, help="Pairs of runs that start at once.")
    parser.add_argument("--runs", type=int, default=60, help="Encode runs in the queue.")
    parser.add_argument("--faults", type=int, default=4, help="Kinds of storage faults.")
    parser.add_argument("--seeds", type=int, default=5, help="Seeds to train each kind from.")
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
