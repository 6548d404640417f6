"""Fault injection: each storage call of ingest, train and encode fails once. See `make soak`."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aeflow.configs import EncodeConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.storage.faults import KINDS
from tests.storage.places import Folder
from tests.storage.surviving import count_survived

__all__ = ["survive_faults"]


def survive_faults(num_kinds: int) -> None:
    """Prints how many faults of each kind each stage survived with the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start"
        start.mkdir()
        for name, work in _stages().items():
            for kind in KINDS[:num_kinds]:
                began = time.monotonic()
                count = count_survived(work, Folder(start), kind)
                print(f"{name}: survived {count} of {kind} in {time.monotonic() - began:.0f} s")
            work(Store(start))  # the next stage starts from this store


def _stages() -> dict[str, Callable[[Store], object]]:
    """Returns the stages in order; each one finds the results of the earlier ones in the store."""

    def dataset(store: Store):
        return ingest(Context(store), IngestConfig(shard_bytes=32_768))

    def model(store: Store):
        config = TrainConfig(epochs=3)
        return train(Context(store), dataset(store), config, model_config=ModelConfig(latent_dim=4))

    def features(config: EncodeConfig, store: Store):
        return encode(Context(store), model(store), config, dataset=dataset(store))

    return {
        "ingest": dataset,
        "train": model,
        "encode": partial(features, EncodeConfig()),
        "encode by label": partial(features, EncodeConfig(partition_by_label=True)),
    }


if __name__ == "__main__":
    survive_faults(len(KINDS))
