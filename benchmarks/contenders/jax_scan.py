"""JAX at its fastest: optax's Adam, all whole batches of an epoch in one compiled scan."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.contenders.child import Case, serve


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    x = jnp.asarray(case.train.reshape(-1, 784))
    held_out = jnp.asarray(case.validation.reshape(-1, 784))
    sizes = (784, case.hidden, case.latent, case.hidden, 784)
    weights = _initial(sizes)
    optimizer = optax.adam(case.learning_rate, eps=1e-7)
    state = optimizer.init(weights)

    def loss(weights, rows):
        scaled = rows.astype(jnp.float32) / 255.0
        return jnp.mean((_reconstructed(weights, scaled) - scaled) ** 2)

    def step(carried, indices):
        weights, state = carried
        gradients = jax.grad(loss)(weights, x[indices])
        updates, state = optimizer.update(gradients, state)
        return (optax.apply_updates(weights, updates), state), None

    scan = jax.jit(lambda carried, batches: jax.lax.scan(step, carried, batches)[0])
    single_step = jax.jit(lambda carried, indices: step(carried, indices)[0])
    carried = [(weights, state)]

    def train_epoch(number: int) -> None:
        order = case.order(number)
        whole = len(order) // case.batch_size * case.batch_size
        carried[0] = scan(carried[0], order[:whole].reshape(-1, case.batch_size))
        if whole < len(order):
            carried[0] = single_step(carried[0], order[whole:])
        jax.block_until_ready(carried[0])

    serve(train_epoch, lambda: float(loss(carried[0][0], held_out)), rows=len(case.train))


def _initial(sizes) -> list:
    generator = np.random.default_rng(0)
    pairs = list(itertools.pairwise(sizes))
    limits = [np.sqrt(6 / (fan_in + fan_out)) for fan_in, fan_out in pairs]
    return [
        (
            jnp.asarray(generator.uniform(-limit, limit, pair), jnp.float32),
            jnp.zeros(pair[1], jnp.float32),
        )
        for pair, limit in zip(pairs, limits, strict=True)
    ]


def _reconstructed(weights, x):
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = weights
    z = jax.nn.relu(x @ w1 + b1) @ w2 + b2
    return jax.nn.relu(z @ w3 + b3) @ w4 + b4


if __name__ == "__main__":
    main()
