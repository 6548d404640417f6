"""Encoding of a million rows into Parquet: our stage and its peers, in turn, in processes."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds

from aeflow.artifacts import Dataset, Model
from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.datasets.shards import shard_names
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from benchmarks.children import python_of, started
from benchmarks.harness import ROOFLINE, Timings, in_turn, table
from tests.fashion import write_repeated

__all__ = ["CASES", "measure"]

TOLERANCE = 1e-4
"""The largest difference from our latents with which a contender still counts."""
ROUNDS = 5
OURS, FORWARD = "aeflow, latents alone", "aeflow, the forward pass alone"
CONTENDERS: dict[str, tuple[str | None, str, dict]] = {
    OURS: (None, "aeflow_encode", {"reconstruction_error": False}),
    "aeflow, with errors and percentiles": (None, "aeflow_encode", {}),
    "aeflow, latents alone, in bfloat16": (
        None,
        "aeflow_encode",
        {"reconstruction_error": False, "precision": "bfloat16"},
    ),
    FORWARD: (None, "aeflow_encode", {"forward": True}),
    "model.predict and pandas": (None, "keras_predict", {}),
    "PyTorch": ("torch", "torch_encode", {}),
    "ONNX Runtime": ("encoders", "onnx_encode", {}),
    "OpenVINO": ("encoders", "openvino_encode", {}),
    "datasets.map": ("encoders", "datasets_map", {}),
    "Ray Data": ("encoders", "ray_encode", {}),
    ROOFLINE: (None, "gemm_forward", {}),
}
"""The contenders by name: the environment in `.peers` it needs, its module, its options."""
CASES = {"encoding": 1_000_000}


def measure(name: str, dataset: Dataset, store: Store, scratch: Path) -> list[Timings]:
    """Encodes with all contenders that have an environment here, and prints a table."""
    num_rows = CASES[name]
    model = train(Context(store), dataset, TrainConfig(epochs=1), model_config=ModelConfig())
    write_repeated(scratch / "rows.npz", num_rows)
    config = IngestConfig(source=f"npz:{scratch / 'rows.npz'}", splits="all")
    repeated = ingest(Context(store), config)
    arguments = _arguments(model, repeated, store, scratch)
    with ExitStack() as stack:
        children = {
            contender: stack.enter_context(
                started(
                    module,
                    environment,
                    arguments | {"options": options, "out": str(scratch / f"{number}.parquet")},
                )
            )
            for number, (contender, (environment, module, options)) in enumerate(CONTENDERS.items())
            if python_of(environment).exists()
        }
        timings = in_turn({name: child.work for name, child in children.items()}, rounds=ROUNDS)
    _compare(timings, scratch)
    title = f"Encoding: {num_rows:,} rows into Parquet, dense 784-128-32"
    print(table(title, timings, flops=2 * (784 * 128 + 128 * 32)), "\n")
    return timings


def _arguments(model: Model, dataset: Dataset, store: Store, scratch: Path) -> dict:
    """Returns the arguments of every contender: the shards, the encoder's weights and the rest."""
    names = [name for split in dataset.rows for name in shard_names(dataset, split, store)]
    folder = store.reading(dataset, names)
    encoder = load_model(model, store, cpu="any").encoder
    weights = [weight.numpy() for weight in encoder.trainable_variables]
    np.savez(scratch / "weights.npz", **dict(zip(("w1", "b1", "w2", "b2"), weights, strict=True)))
    return {
        "shards": [str(folder / name) for name in names],
        "weights": str(scratch / "weights.npz"),
        "folder": str(scratch),
        "rows": sum(dataset.rows.values()),
        "store": str(store.root),
        "model": model.model_dump(mode="json"),
        "dataset": dataset.model_dump(mode="json"),
    }


def _compare(timings: list[Timings], scratch: Path) -> None:
    """Notes how much each contender's latents differ from ours, if it wrote any."""
    expected = None
    for number, contender in enumerate(CONTENDERS):
        path = scratch / f"{number}.parquet"
        timing = next((t for t in timings if t.name == contender), None)
        if timing is None or not path.exists():
            continue
        latents = _latents(path)
        expected = latents if expected is None else expected
        off = float(np.abs(latents - expected).max())
        counts = off <= TOLERANCE
        timing.reached = f"within {off:.0e}{'' if counts else ', does not count'}"


def _latents(path: Path) -> np.ndarray:
    """Returns the latents [N, D] in the order of their ids."""
    latents_table = ds.dataset(path.resolve()).to_table(columns=["id", "latent"]).sort_by("id")
    values = latents_table["latent"].combine_chunks().flatten()
    return values.to_numpy().reshape(len(latents_table), -1)
