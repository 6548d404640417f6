"""Measures training and encoding beside their peers on Fashion-MNIST. `make bench`.

Prints Markdown, and writes the figures as JSON where `--json FILE` says so.
"""

import argparse
import json
import tempfile
from pathlib import Path

from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.ingestion import ingest
from aeflow.storage import Store
from aeflow.training import train
from tests.benchmarks import encoding, training
from tests.benchmarks.harness import summary
from tests.fashion import FOLDER

ENCODING = "encoding"


def main() -> None:
    """Prints a table for each case."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", help=", ".join([*training.CASES, ENCODING]))
    parser.add_argument("--json", type=Path, help="A file for the figures.")
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        dataset = ingest(IngestConfig(source=f"idx:{FOLDER}"), store)
        for case in given.cases or training.CASES:
            if case != ENCODING:
                found[case] = summary(training.measure(case, dataset, store, Path(folder)))
        if not given.cases or ENCODING in given.cases:
            model = train(dataset, TrainConfig(epochs=1), store, model_config=ModelConfig())
            found[ENCODING] = summary(encoding.measure(model, dataset, store, Path(folder)))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
