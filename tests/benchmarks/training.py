"""Epochs of training: ours beside every contender, in turn, each in a process of its own."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.storage import Store
from aeflow.training.inputs import open_rows
from tests.benchmarks.harness import Timings, in_turn, table

__all__ = ["CASES", "Case", "measure"]

PEERS = Path(".peers")
TOLERANCE = 0.03
"""By how much a contender's error may differ from the best one's for its row to count."""


@dataclass(frozen=True)
class Case:
    """Says what is trained, on how many rows, and by whom; the first contender is ours."""

    title: str
    network: str
    hidden: int
    latent: int
    rows: int
    contenders: tuple[str, ...]
    rounds: int = 5

    @property
    def flops(self) -> int:
        """The floating-point operations a row of a step: 6 M - 2 M_first, M of one forward pass."""
        sizes = (784, self.hidden, self.latent, self.hidden, 784)
        products = [n * m for n, m in itertools.pairwise(sizes)]
        return 6 * sum(products) - 2 * products[0]


OURS, BARE = "aeflow", "aeflow, compiled steps alone"
BLOCKS = "aeflow, 8 MiB at a time"
CONTENDERS: dict[str, tuple[str | None, str, dict]] = {
    OURS: (None, "aeflow_fit", {}),
    BARE: (None, "aeflow_fit", {"bare": True}),
    BLOCKS: (None, "aeflow_fit", {"shuffle_bytes": 8 * 2**20}),
    "aeflow with XLA": (None, "aeflow_fit", {"runtime": {"xla": True, "batch_parts": 1}}),
    "model.fit": (None, "keras_fit", {}),
    "model.fit, steps_per_execution=32": (None, "keras_fit", {"steps_per_execution": 32}),
    "PyTorch": ("torch", "torch_loop", {}),
    "JAX": ("jax", "jax_scan", {}),
    "the 2019 post's way": (None, "post_2019", {}),
    "GEMM, one thread": (None, "gemm", {}),
}
"""Each by its name: the environment in `.peers` that it needs, its module, its options."""
DENSE = (OURS, BARE, BLOCKS, "model.fit", "model.fit, steps_per_execution=32", "PyTorch", "JAX")
CASES = {
    "dense": Case("dense 784-128-32", "dense", 128, 32, 57_000, (*DENSE, "GEMM, one thread")),
    "wide": Case("dense 784-512-64", "dense", 512, 64, 57_000, (*DENSE, "GEMM, one thread")),
    "convolutional": Case(
        "convolutional 32-64",
        "convolutional",
        0,
        32,
        6_400,
        (OURS, BARE, "aeflow with XLA", "model.fit", "PyTorch"),
        rounds=3,
    ),
    "post": Case(
        "784-64-64-64-784", "dense", 64, 64, 12_800, (OURS, "the 2019 post's way"), rounds=3
    ),
}


def measure(name: str, dataset: Dataset, store: Store, scratch: Path) -> list[Timings]:
    """Trains one case by all contenders whose environment is there, and prints its table."""
    case = CASES[name]
    data = scratch / "data.npz"
    if not data.exists():
        train, validation = (open_rows(dataset, n, store) for n in ("train", "validation"))
        np.savez(data, train=train.first(len(train)), validation=validation.first(len(validation)))
    with ExitStack() as stack:
        children = {
            contender: stack.enter_context(_child(case, contender, data))
            for contender in case.contenders
            if _python(contender).exists()
        }
        timings = in_turn(
            {contender: child.train_epoch for contender, child in children.items()},
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


@dataclass
class _Child:
    process: subprocess.Popen

    def ask(self, what: str = "") -> dict:
        assert self.process.stdin
        assert self.process.stdout
        if what:
            print(what, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"A contender ended: {self.process.args}")
        return json.loads(answer)

    def train_epoch(self) -> tuple[float, float]:
        took = self.ask("epoch")
        return took["wall"], took["cpu"]

    def mse(self) -> float | None:
        return self.ask("mse")["mse"]


@contextmanager
def _child(case: Case, contender: str, data: Path) -> Iterator[_Child]:
    _, module, options = CONTENDERS[contender]
    given = {
        "network": case.network,
        "hidden": case.hidden,
        "latent": case.latent,
        "rows": case.rows,
        "data": str(data),
        "options": options,
    }
    process = subprocess.Popen(
        [_python(contender), "-m", f"tests.benchmarks.contenders.{module}", json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        child = _Child(process)
        child.ask()
        yield child
    finally:
        process.communicate(timeout=60)


def _python(contender: str) -> Path:
    environment = CONTENDERS[contender][0]
    return PEERS / environment / "bin" / "python" if environment else Path(sys.executable)
