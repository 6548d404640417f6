"""The training step with its gradient tape, and graphs that take many steps in one call."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.configs import TrainConfig
from aeflow.models import Autoencoder
from aeflow.stages.training.augmentation import augmented
from aeflow.stages.training.inputs import Block, StoredRows
from aeflow.stages.training.policy import Policy

__all__ = ["compile_steps", "compile_validation", "train_step"]

GATHERED_BYTES = 2**22
"""The bytes of rows that are gathered at once for several steps. They fit into the CPU's cache."""
SEED_STRIDE = 1_640_531_527
VALIDATION_BATCH = 1024

UNTRAINED = {"training": False, "step": 0, "seed": 0}

Terms = dict[str, tf.Tensor]

as_written = tf.autograph.experimental.do_not_convert
"""Marks functions without tensor loops, so that AutoGraph spends no time on converting them."""


def train_step(
    model: Autoencoder,
    optimizer: tf.keras.optimizers.Optimizer,
    rows: tf.Tensor,
    *,
    config: TrainConfig,
    step: int,
    parts: int = 1,
) -> Terms:
    """Takes one step on stored rows [B, *shape]. Returns the scalar loss terms before the step.

    The batch is split into parts of B / `parts` rows. Each part has its own noise, and no part
    waits for another. Loss terms and gradients are means over the parts. If the loss is a mean over
    rows, these means equal the loss terms and gradients of the whole batch. If several devices take
    the step together, each on its own rows, means are taken over the devices, too. All devices have
    the same weights afterwards.
    """
    context = tf.distribute.get_replica_context()
    num_devices = context.num_replicas_in_sync
    first = context.replica_id_in_sync_group * parts if num_devices > 1 else 0
    shares = []
    for i, part in enumerate(tf.split(rows, parts)):
        seed = _seed_of(config.seed, first + i)
        part_rows = augmented(part, config, step=step, seed=seed)
        with tf.GradientTape() as tape:
            terms = model.loss_terms(part_rows, training=True, step=step, seed=seed)
        shares.append((terms, tape.gradient(terms["loss"], model.trainable_variables)))
    terms, gradients = tf.nest.map_structure(_mean, *shares)
    if num_devices > 1:  # the optimizer sums the gradients of all devices
        terms, gradients = context.all_reduce("mean", (terms, gradients))
        gradients = [gradient / num_devices for gradient in gradients]
    optimizer.apply(gradients, model.trainable_variables)
    return terms


def compile_steps(
    model: Autoencoder,
    optimizer: tf.keras.optimizers.Optimizer,
    rows: tf.TensorSpec,
    *,
    config: TrainConfig,
    policy: Policy,
    strategy: tf.distribute.Strategy | None = None,
) -> Callable[..., dict[str, np.ndarray]]:
    """Returns a function `run_steps(block, step, start, count)`, which takes `count` steps.

    The first of these steps is number `step` of training and number `start` of the block, both
    counted from 0. The function returns each loss term as an array [count], by name.

    `rows` gives the shape [M, *shape] and the type of the rows of every block. The rows of a block
    stay on the device, and the graph gathers them in the order of the block, for many steps at
    once. The graph gathers rows outside XLA, because XLA copies rows value by value.

    Each graph takes batches of one shape. If the last batch of a block has fewer rows than a whole
    batch, its step therefore has a graph of its own. The devices of a strategy share each whole
    batch, but every device takes all rows of that last batch.
    """
    strategy = strategy or tf.distribute.get_strategy()
    names = list(model.loss_terms(tf.zeros((1, *rows.shape[1:]), rows.dtype), **UNTRAINED))
    batch_size = config.batch_size
    take_step = _step_over(strategy, model, optimizer, config)
    run_whole, room = _whole_graph(take_step, names, rows, batch_size=batch_size, policy=policy)

    @cache
    def remainder_graph(num_rows: int):
        def take_remainder(rows: tf.Tensor, indices: tf.Tensor, step: int):
            return take_step(tf.gather(rows, indices), step, parts=1, is_shared=False)

        signature = (rows, tf.TensorSpec((num_rows,), tf.int32), tf.TensorSpec((), tf.int32))
        return tf.function(take_remainder, signature, autograph=False).get_concrete_function()

    def run_steps(block: Block, step: int, start: int, count: int) -> dict[str, np.ndarray]:
        results = {name: np.empty(0, np.float32) for name in names}
        num_whole = len(block.order) // batch_size
        num = min(count, num_whole - start)
        if num:
            batches = tf.constant(_whole_batches(block.order, batch_size, room=room))
            scalars = (tf.constant(value) for value in (step, start, num))
            terms = run_whole(block.rows, batches, *scalars)
            results = {name: terms[name].numpy()[:num] for name in names}
        if num < count:
            remainder = tf.constant(block.order[num_whole * batch_size :])
            terms = remainder_graph(len(remainder))(block.rows, remainder, tf.constant(step + num))
            results = {name: np.append(results[name], terms[name].numpy()) for name in names}
        return results

    return run_steps


def _whole_graph(
    take_step: Any, names: list[str], rows: tf.TensorSpec, *, batch_size: int, policy: Policy
):
    """Returns a graph that takes many steps on whole batches, and the length of its input.

    The input holds row indices int32 [length, batch_size], as `_whole_batches` returns them.
    """
    num_rows, *shape = cast("tuple[int, ...]", tuple(rows.shape))
    num_batches = num_rows // batch_size
    batch_shape = (batch_size, *shape)
    batch_values = int(np.prod(batch_shape))  # flat, or XLA computes the place of each value
    at_once = max(1, min(GATHERED_BYTES // (batch_values * rows.dtype.size), num_batches))
    room = num_batches + at_once  # the last gather may reach beyond the last batch
    scalar = tf.TensorSpec((), tf.int32)

    def take_some(batches: Any, step: int, count: tf.Tensor):
        results = {n: tf.TensorArray(tf.float32, at_once, element_shape=()) for n in names}
        i = tf.constant(0)
        while i < count:  # XLA recompiles slices and ranges for each value of a bound
            batch = tf.reshape(tf.gather(batches, i), batch_shape)
            terms = take_step(batch, step + i, parts=policy.batch_parts, is_shared=True)
            results = {name: results[name].write(i, terms[name]) for name in names}
            i += 1
        return {name: results[name].stack() for name in names}

    some_signature = tf.TensorSpec((at_once, batch_values), rows.dtype)
    run_some = tf.function(take_some, (some_signature, scalar, scalar), jit_compile=policy.xla)

    def take_whole(
        rows: tf.Tensor, indices: tf.Tensor, step: int, start: tf.Tensor, count: tf.Tensor
    ):
        results = {n: tf.TensorArray(tf.float32, 0, dynamic_size=True) for n in names}
        done, calls = tf.constant(0), tf.constant(0)
        while done < count:
            num = tf.minimum(at_once, count - done)
            batches = tf.gather(rows, tf.gather(indices, start + done + tf.range(at_once)))
            batches = tf.reshape(batches, (at_once, batch_values))
            terms = run_some(batches, step + done, num)
            results = {name: results[name].write(calls, terms[name]) for name in names}
            done, calls = done + num, calls + 1
        return {name: results[name].concat() for name in names}

    whole_signature = (rows, tf.TensorSpec((room, batch_size), tf.int32), scalar, scalar, scalar)
    return tf.function(take_whole, whole_signature).get_concrete_function(), room


def _step_over(
    strategy: tf.distribute.Strategy,
    model: Autoencoder,
    optimizer: tf.keras.optimizers.Optimizer,
    config: TrainConfig,
):
    """Returns a function that takes one step on all devices together.

    If `is_shared`, each device takes an equal share of the rows. Otherwise each device takes all
    rows.
    """
    num_devices = strategy.num_replicas_in_sync

    @as_written
    def on_a_device(batch: tf.Tensor, step: int, parts: Any, is_shared: bool):
        if is_shared and num_devices > 1:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            batch = tf.gather(tf.reshape(batch, [num_devices, -1, *batch.shape[1:]]), number)
        return train_step(model, optimizer, batch, config=config, step=step, parts=parts)

    @as_written
    def take_step(batch: tf.Tensor, step: int, *, parts: Any, is_shared: bool):
        terms = strategy.run(on_a_device, (batch, step, parts, is_shared))
        return {name: strategy.experimental_local_results(terms[name])[0] for name in terms}

    return take_step


def _whole_batches(order: np.ndarray, batch_size: int, *, room: int) -> np.ndarray:
    """Returns the row indices of all whole batches, followed by zeros, as int32 [room, batch_size].

    `order` holds the row indices of a block in the order of the epoch. Indices after the last whole
    batch are left out. `room` is the number of batches that the graph takes. It is larger than the
    number of whole batches, because the graph gathers several batches at once.
    """
    batches = np.zeros((room, batch_size), np.int32)
    whole = order[: len(order) // batch_size * batch_size]
    batches.flat[: len(whole)] = whole
    return batches


def _mean(first: tf.Tensor, *others: Any):
    return sum(others, first) / (1 + len(others)) if others else first


def _seed_of(seed: int, part: Any):
    """Returns the seed for the noise of one part of a batch. The seed of the first part is `seed`.

    `part` is the number of the part, counted from 0 over all devices.
    """
    if isinstance(part, int):
        return (seed + part * SEED_STRIDE) % 2**31
    return tf.cast((seed + tf.cast(part, tf.int64) * SEED_STRIDE) % 2**31, tf.int32)


def compile_validation(
    model: Autoencoder, rows: StoredRows, *, max_bytes: int, seed: int
) -> Callable[[], float]:
    """Returns a function without arguments that computes the mean loss over rows [N, *shape].

    The rows stay on the device if they fit into `max_bytes`. Otherwise each call reads the rows in
    blocks.
    """

    @as_written
    def loss_of(batch: tf.Tensor, step: int):
        return model.loss_terms(batch, training=False, step=step, seed=seed)["loss"]

    def total_loss(block: tf.Tensor, start: tf.Tensor):
        total = tf.constant(0.0)
        for first in tf.range(0, len(block), VALIDATION_BATCH):
            batch = block[first : first + VALIDATION_BATCH]
            total += loss_of(batch, start + first) * tf.cast(tf.shape(batch)[0], tf.float32)
        return total

    block_rows = rows.rows_within(max_bytes, multiple_of=VALIDATION_BATCH)
    block = tf.TensorSpec((None, *rows.shape), rows.dtype)
    compiled = tf.function(total_loss, (block, tf.TensorSpec((), tf.int32)))
    compiled.get_concrete_function()
    resident = [tf.constant(rows.first(len(rows)))] if block_rows == len(rows) else None

    def validation_loss() -> float:
        total = 0.0
        for i, block in enumerate(resident or rows.blocks(block_rows)):
            total += float(compiled(block, i * block_rows))
        return total / len(rows)

    return validation_loss
