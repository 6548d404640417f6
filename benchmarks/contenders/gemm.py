"""The roofline: the matrix products of one step on one thread, in float32, and nothing else."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import itertools

import numpy as np

from benchmarks.contenders.child import Case, serve


def main() -> None:
    """Computes the products of all steps of an epoch on each request."""
    case = Case()
    sizes = (784, case.hidden, case.latent, case.hidden, 784)
    generator = np.random.default_rng(0)
    products = []
    for first, (n, m) in enumerate(itertools.pairwise(sizes)):
        x, gradient = (generator.random((case.batch_size, size), np.float32) for size in (n, m))
        weights = generator.random((n, m), np.float32)
        products += [(x, weights), (x.T, gradient)]
        if first:  # the gradient of the input is not needed
            products.append((gradient, weights.T))
    products = [(a, b, np.empty((a.shape[0], b.shape[1]), np.float32)) for a, b in products]

    def compute(number: int) -> None:
        for _ in range(case.steps):
            for a, b, out in products:
                np.dot(a, b, out=out)

    serve(compute, lambda: None, rows=len(case.train))


if __name__ == "__main__":
    main()
