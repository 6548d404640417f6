"""What every contender that trains runs in: a process that trains an epoch when it is told to."""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

__all__ = ["Case", "serve", "steps_of"]


class Case:
    """Holds what is trained: rows uint8 [N, *shape] of both splits, and the sizes of the model.

    One row in twenty is held out, as a user would, and by those all are judged.
    It is read from the command line, so that contenders need nothing of ours but this file.
    """

    def __init__(self):
        given = json.loads(sys.argv[1])
        self.network: str = given["network"]
        self.hidden: int = given["hidden"]
        self.latent: int = given["latent"]
        self.options: dict = given["options"]
        self.learning_rate, self.batch_size = 0.002, 128
        with np.load(given["data"]) as arrays:
            self.train = arrays["train"][: given["rows"]]
            self.validation = arrays["validation"][: given["rows"] // 19]

    @property
    def steps(self) -> int:
        """The steps of one epoch."""
        return steps_of(len(self.train), self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Returns the order of the training rows in one epoch."""
        return np.random.default_rng(epoch).permutation(len(self.train)).astype(np.int32)


def steps_of(rows: int, batch_size: int) -> int:
    """Returns the steps of an epoch; the last of them takes the rows that are left."""
    return -(-rows // batch_size)


def serve(work: Callable[[int], None], mse: Callable[[], float | None], *, rows: int) -> None:
    """Works once to warm up, then once for each line `work`; answers `mse` with the error.

    An answer is a line of JSON: seconds on the clock and of all processors for each of the
    `rows` that it has worked through, or the error.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work(0)
    print(json.dumps({}), file=out, flush=True)
    for number, line in enumerate(sys.stdin, 1):
        if line.strip() == "mse":
            print(json.dumps({"mse": mse()}), file=out, flush=True)
            continue
        wall, cpu = time.perf_counter(), _cpu_seconds()
        work(number)
        took = {"wall": time.perf_counter() - wall, "cpu": _cpu_seconds() - cpu}
        took = {name: seconds / rows for name, seconds in took.items()}
        print(json.dumps(took), file=out, flush=True)


def _cpu_seconds() -> float:
    """Returns the seconds of all processors, those of children that have ended with them."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
