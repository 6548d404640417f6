"""The roofline: the matrix products of the encoder on one thread, in float32, and nothing else."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import BATCH, Arguments


def main() -> None:
    """Computes the products of all whole batches of the rows on each request."""
    arguments = Arguments()
    rows = np.random.default_rng(0).random((BATCH, arguments.weights["w1"].shape[0]), np.float32)
    hidden = np.empty((BATCH, arguments.weights["w1"].shape[1]), np.float32)
    latent = np.empty((BATCH, arguments.weights["w2"].shape[1]), np.float32)
    batches = arguments.rows // BATCH

    def work(number: int) -> None:
        for _ in range(batches):
            np.dot(rows, arguments.weights["w1"], out=hidden)
            np.dot(hidden, arguments.weights["w2"], out=latent)

    serve(work, lambda: None, rows=batches * BATCH)


if __name__ == "__main__":
    main()
