"""Compares the speed of training and encoding with peers on Fashion-MNIST: `make bench`.

Prints Markdown. With `--json FILE` it also writes the figures as JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path

from aeflow.configs import IngestConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from benchmarks import encoding, training
from benchmarks.harness import summary
from tests.fashion import FOLDER

MEASURES = dict.fromkeys(training.CASES, training.measure) | dict.fromkeys(
    encoding.CASES, encoding.measure
)


def main() -> None:
    """Measures the cases of the command line and prints a table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", help=", ".join(MEASURES))
    parser.add_argument("--json", type=Path, help="A file for the figures.")
    options = parser.parse_args()
    summaries = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        dataset = ingest(Context(store), IngestConfig(source=f"idx:{FOLDER}"))
        for case in options.cases or MEASURES:
            summaries[case] = summary(MEASURES[case](case, dataset, store, Path(folder)))
    if options.json:
        options.json.write_text(json.dumps(summaries, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
