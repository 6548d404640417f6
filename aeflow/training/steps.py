"""The training step under a gradient tape, and many of them compiled into one call."""

from collections.abc import Callable

import tensorflow as tf

from aeflow.models import Autoencoder

__all__ = ["compile_steps", "compile_validation", "train_step"]

VALIDATION_BATCH = 1024

Terms = dict[str, tf.Tensor]


def train_step(model: Autoencoder, optimizer, rows, *, step, seed: int) -> Terms:
    """Takes one step on stored rows [B, *shape]; returns the loss terms before it, scalars."""
    with tf.GradientTape() as tape:
        terms = model.loss_terms(rows, training=True, step=step, seed=seed)
    gradients = tape.gradient(terms["loss"], model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return terms


def compile_steps(
    model: Autoencoder, optimizer, rows: tf.Tensor, *, batch_size: int, seed: int
) -> Callable[..., Terms]:
    """Returns `run_steps(order, step, start, count)`, which takes `count` steps in the graph.

    `rows` [N, *shape] stay on the device and `order` [N] is this epoch's order of them; `step`
    counts from the first epoch, `start` from this one. Each term comes back as [count].
    """
    names = list(model.loss_terms(rows[:1], training=False, step=0, seed=seed))

    def run_steps(order, step, start, count):
        taken = {name: tf.TensorArray(tf.float32, size=count) for name in names}
        for i in tf.range(count):
            first = (start + i) * batch_size
            batch = tf.gather(rows, order[first : first + batch_size])
            terms = train_step(model, optimizer, batch, step=step + i, seed=seed)
            taken = {name: taken[name].write(i, terms[name]) for name in names}
        return {name: taken[name].stack() for name in names}

    whole, scalar = tf.TensorSpec((len(rows),), tf.int32), tf.TensorSpec((), tf.int32)
    compiled = tf.function(run_steps).get_concrete_function(whole, scalar, scalar, scalar)

    def call(order, step: int, start: int, count: int) -> Terms:
        return compiled(order, *(tf.constant(number) for number in (step, start, count)))

    return call


def compile_validation(
    model: Autoencoder, rows: tf.Tensor, *, seed: int
) -> Callable[[], tf.Tensor]:
    """Returns a function of nothing that computes the mean loss over stored rows [N, *shape]."""

    def validation_loss():
        total = tf.constant(0.0)
        for first in tf.range(0, len(rows), VALIDATION_BATCH):
            batch = rows[first : first + VALIDATION_BATCH]
            terms = model.loss_terms(batch, training=False, step=first, seed=seed)
            total += terms["loss"] * tf.cast(tf.shape(batch)[0], tf.float32)
        return total / len(rows)

    return tf.function(validation_loss).get_concrete_function()
