"""The child side of a contender: its arguments, and the loop that works on each request."""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

__all__ = ["Case", "serve", "steps_of"]


class Case:
    """Holds the rows of both splits, uint8 [N, *shape], and the sizes of the model to train.

    One row in twenty is held out, as a user would do, and all contenders are evaluated on those.
    The case is read from the command line, so that contenders import only this file of aeflow's.
    """

    def __init__(self):
        arguments = json.loads(sys.argv[1])
        self.network: str = arguments["network"]
        self.hidden: int = arguments["hidden"]
        self.latent: int = arguments["latent"]
        self.options: dict = arguments["options"]
        self.learning_rate, self.batch_size = 0.002, 128
        with np.load(arguments["data"]) as arrays:
            self.train = arrays["train"][: arguments["rows"]]
            self.validation = arrays["validation"][: arguments["rows"] // 19]

    @property
    def steps(self) -> int:
        """The number of steps of one epoch."""
        return steps_of(len(self.train), self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Returns the order of the training rows in one epoch."""
        return np.random.default_rng(epoch).permutation(len(self.train)).astype(np.int32)


def steps_of(rows: int, batch_size: int) -> int:
    """Returns the number of steps of an epoch; the last step takes the remaining rows."""
    return -(-rows // batch_size)


def serve(work: Callable[[int], None], mse: Callable[[], float | None], *, rows: int) -> None:
    """Works once to warm up, then once for each input line; answers the line `mse` with the error.

    An answer is a line of JSON: wall-clock seconds and CPU seconds per row of the `rows` of one
    round, or the error.
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
        answer = {"wall": time.perf_counter() - wall, "cpu": _cpu_seconds() - cpu}
        answer = {name: seconds / rows for name, seconds in answer.items()}
        print(json.dumps(answer), file=out, flush=True)


def _cpu_seconds() -> float:
    """Returns the CPU seconds of this process, including those of children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
