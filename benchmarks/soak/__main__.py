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
    options = parser.parse_args()
    if options.kills > 0:
        killing.soak(options.kills)
    if options.pairs > 0:
        pairing.soak(options.pairs)
    if options.runs > 0:
        queueing.soak(options.runs)
    if options.faults > 0:
        survive_faults(options.faults)
    if options.seeds > 0:
        learning.soak(options.seeds)


if __name__ == "__main__":
    main()
