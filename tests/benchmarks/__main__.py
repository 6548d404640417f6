"""Measures training and encoding on Fashion-MNIST; prints Markdown. `make bench`."""

import tempfile
from pathlib import Path

from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.ingestion import ingest
from aeflow.storage import Store
from aeflow.training import train
from tests.benchmarks import encoding, training
from tests.benchmarks.harness import interleaved, table

SOURCE = "idx:/usr/share/datasets/fashion-mnist"
ROUNDS = 5


def main() -> None:
    """Prints one table for training and one for encoding."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        dataset = ingest(IngestConfig(source=SOURCE), store)
        rows = dataset.rows["train"]
        timings = interleaved(training.variants(dataset, store), rows=rows, rounds=ROUNDS)
        print(table("Training: one epoch, dense 784-128-32, Adam, batch 128", timings), "\n")
        model = train(dataset, TrainConfig(epochs=1), store, model_config=ModelConfig())
        variants = encoding.variants(model, dataset, store, Path(folder))
        timings = interleaved(variants, rows=sum(dataset.rows.values()), rounds=ROUNDS)
        print(table("Encoding: 70,000 rows into Parquet, dense 784-128-32", timings))


if __name__ == "__main__":
    main()
