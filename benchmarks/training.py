"""Epochs of training: our stage and its peers, in turn, each in its own process."""

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.stages.training.inputs import open_rows
from aeflow.storage import Store
from benchmarks.children import python_of, started
from benchmarks.harness import Timings, in_turn, table

__all__ = ["CASES", "OURS", "Case", "measure", "write_rows"]

TOLERANCE = 0.03
"""The largest relative excess over the best error with which a contender still counts."""


@dataclass(frozen=True)
class Case:
    """Describes a model, its number of rows and its contenders; the first contender is ours."""

    title: str
    network: str
    hidden: int
    latent: int
    rows: int
    contenders: tuple[str, ...]
    rounds: int = 15

    @property
    def flops(self) -> int:
        """The floating-point operations of a step per row: 6 M - 2 M_first.

        M are the multiply-accumulates of one forward pass, and M_first those of the first layer.
        """
        sizes = (784, self.hidden, self.latent, self.hidden, 784)
        products = [n * m for n, m in itertools.pairwise(sizes)]
        return 6 * sum(products) - 2 * products[0]

    def arguments(self, data: Path) -> dict:
        """Returns the arguments that every contender gets."""
        return {
            "network": self.network,
            "hidden": self.hidden,
            "latent": self.latent,
            "rows": self.rows,
            "data": str(data),
        }


OURS, BARE = "aeflow", "aeflow, compiled steps alone"
BLOCKS, FREE = "aeflow, 8 MiB at a time", "aeflow, not deterministic"
CONTENDERS: dict[str, tuple[str | None, str, dict]] = {
    OURS: (None, "aeflow_fit", {}),
    BARE: (None, "aeflow_fit", {"bare": True}),
    BLOCKS: (None, "aeflow_fit", {"shuffle_bytes": 8 * 2**20}),
    FREE: (None, "aeflow_fit", {"free": True}),
    "aeflow with XLA": (None, "aeflow_fit", {"runtime": {"xla": True, "batch_parts": 1}}),
    "model.fit": (None, "keras_fit", {}),
    "model.fit, steps_per_execution=32": (None, "keras_fit", {"steps_per_execution": 32}),
    "PyTorch": ("torch", "torch_loop", {}),
    "PyTorch Lightning": ("torch", "lightning_fit", {}),
    "JAX": ("jax", "jax_scan", {}),
    "the 2019 post's way": (None, "post_2019", {}),
    "GEMM, one thread": (None, "gemm", {}),
}
"""The contenders by name: the environment in `.peers` it needs, its module, its options."""
DENSE = (
    *(OURS, BARE, BLOCKS, FREE),
    *("model.fit", "model.fit, steps_per_execution=32", "PyTorch", "PyTorch Lightning", "JAX"),
)
CASES = {
    "dense": Case("dense 784-128-32", "dense", 128, 32, 57_000, (*DENSE, "GEMM, one thread")),
    "wide": Case("dense 784-512-64", "dense", 512, 64, 57_000, (*DENSE, "GEMM, one thread")),
    "convolutional": Case(
        "convolutional 32-64",
        "convolutional",
        0,
        32,
        12_800,
        (OURS, BARE, FREE, "aeflow with XLA", "model.fit", "PyTorch"),
        rounds=5,
    ),
    "post": Case(
        "784-64-64-64-784", "dense", 64, 64, 57_000, (OURS, "the 2019 post's way"), rounds=5
    ),
}


def measure(name: str, dataset: Dataset, store: Store, scratch: Path) -> list[Timings]:
    """Trains a case with all contenders that have an environment here, and prints its table."""
    case = CASES[name]
    data = scratch / "data.npz"
    if not data.exists():
        write_rows(dataset, store, data)
    with ExitStack() as stack:
        children = {
            contender: stack.enter_context(
                started(module, environment, case.arguments(data) | {"options": options})
            )
            for contender in case.contenders
            for environment, module, options in [CONTENDERS[contender]]
            if python_of(environment).exists()
        }
        timings = in_turn(
            {contender: child.work for contender, child in children.items()},
            rounds=case.rounds,
        )
        errors = {contender: child.mse() for contender, child in children.items()}
    best = min(error for error in errors.values() if error)
    for timing in timings:
        if error := errors[timing.name]:
            counts = error <= best * (1 + TOLERANCE)
            timing.reached = f"MSE {error:.4f}{'' if counts else ', does not count'}"
    print(table(f"Training: {case.title}, Adam, batch 128", timings, flops=case.flops), "\n")
    return timings


def write_rows(dataset: Dataset, store: Store, path: Path) -> None:
    """Writes the rows for training and evaluating the contenders, as uint8 [N, *shape]."""
    train, validation = (open_rows(dataset, name, store) for name in ("train", "validation"))
    np.savez(path, train=train.first(len(train)), validation=validation.first(len(validation)))
