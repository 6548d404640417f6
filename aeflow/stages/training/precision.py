"""The check, before the first step, that a short type trains a model correctly.

Two copies of the model with the same weights, one in the short type and one in float32, compute the
same training rows at each batch size that will run. The forward pass is compared at every size, and
the gradients at the sizes that training steps have.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.configs import TrainConfig
from aeflow.errors import InexactPrecision
from aeflow.models import Autoencoder
from aeflow.models.deviation import Deviation, largest_deviation, refusing_in, relative_deviation
from aeflow.stages.training.inputs import StoredRows
from aeflow.stages.training.steps import VALIDATION_BATCH
from aeflow.stages.training.together import Agreement

__all__ = ["Batch", "batches_of", "check_precision", "deviations"]

ACCEPTED_OF_GRADIENTS = 0.3
"""The largest accepted deviation of the gradient of an encoder or a decoder.

The deviation is the Euclidean norm of the difference from float32, relative to the norm in float32.
A ReLU with an input near 0 may switch in bfloat16, so single values of a correct gradient deviate
by up to 0.7 of the largest value. Measured by norms, and summed as GRADIENT_BATCHES describes, the
correct gradients of all kinds on all networks deviate by at most 0.21. The gradient of the
contractive kind deviates by 0.3 to 1.0 and is not correct: the penalty of this kind is a small
difference, and bfloat16 rounds most of it away.
"""
GRADIENT_ROWS = 128
GRADIENT_BATCHES = 16
"""Gradients of small batches are summed over GRADIENT_ROWS rows, or over GRADIENT_BATCHES batches
if these have fewer rows."""
PARTS = ("encoder", "decoder")

Compute = Callable[[tf.Tensor], dict[str, tf.Tensor]]


@dataclass(frozen=True)
class Batch:
    """Describes a batch to compare: a forward pass, or the loss and the gradients of a step."""

    num_rows: int
    is_step: bool
    xla: bool = False

    @property
    def count(self) -> int:
        """The number of batches of this description that are compared."""
        if not self.is_step:
            return 1
        return max(1, min(GRADIENT_BATCHES, GRADIENT_ROWS // self.num_rows))


def check_precision(
    build_in: Callable[[str], Autoencoder],
    rows: StoredRows,
    batches: list[Batch],
    *,
    config: TrainConfig,
    agreement: Agreement,
) -> Autoencoder:
    """Compares training in the config's precision with float32, on each machine that trains.

    Returns the model in that precision, with its initial weights.

    Args:
        build_in: Builds the model that will be trained in a given precision.
        rows: The training split.
        batches: The batches that training will run.
        config: Gives the precision and the seed.
        agreement: Makes all machines take the same branch.

    Raises:
        InexactPrecision: A value deviates too far, on this machine or on another.
    """
    short, refusal = None, None
    try:
        with refusing_in(config.precision, section="train"):
            exact, short = build_in("float32"), build_in(config.precision)
            for deviation in deviations(short, exact, batches, rows=rows, seed=config.seed):
                deviation.check(config.precision, section="train")
    except InexactPrecision as error:
        refusal = error
    is_accepted_by_all = agreement.minimum(float(refusal is None))
    if refusal:
        raise refusal
    if not (short and is_accepted_by_all):
        raise InexactPrecision(
            f"Another machine of TF_CONFIG ({' or '.join(agreement.others)}) computes the model "
            f"too inexactly in {config.precision}; the error on that machine says why. Choose "
            'precision = "float32" in [train].'
        )
    return short


def batches_of(
    num_rows: int, num_validation: int, *, batch_size: int, parts: int, xla: bool
) -> list[Batch]:
    """Returns the batches of steps and, for each batch size that runs, a forward pass.

    Args:
        num_rows: Rows of the training split.
        num_validation: Rows of the validation split.
        batch_size: Rows of a step.
        parts: Equal parts that a whole batch is split into, on one device or several.
        xla: Whether XLA compiles the steps on whole batches.
    """
    steps = []
    if num_rows >= batch_size:
        steps.append(Batch(batch_size // parts, is_step=True, xla=xla))
    if num_rows % batch_size:
        steps.append(Batch(num_rows % batch_size, is_step=True))
    sizes = {min(num_validation, VALIDATION_BATCH), num_validation % VALIDATION_BATCH}
    sizes |= {step.num_rows for step in steps}
    return [Batch(size, is_step=False) for size in sorted(sizes - {0})] + steps


def deviations(
    short: Autoencoder, exact: Autoencoder, batches: list[Batch], *, rows: StoredRows, seed: int
) -> Iterator[Deviation]:
    """Yields the deviations of the values of `short` from those of `exact`, batch by batch."""
    short_values = _values_of(short, seed, in_graph=True)  # as training runs it
    exact_values = _values_of(exact, seed, in_graph=False)  # tracing would take longer
    for batch in batches:
        values = short_values(rows, batch)
        expected = exact_values(rows, batch)
        for name in values:
            if name in PARTS:
                value = relative_deviation(values[name], expected[name])
                title = f"gradient of the {name}"
                yield Deviation(title, batch.num_rows, value, ACCEPTED_OF_GRADIENTS)
            else:
                value = largest_deviation(values[name], expected[name])
                yield Deviation(name, batch.num_rows, value)


def _values_of(
    model: Autoencoder, seed: int, *, in_graph: bool
) -> Callable[[StoredRows, Batch], dict[str, np.ndarray]]:
    """Returns a function that computes a model's values on batches of training rows.

    Values are stacked over the batches, and gradients are summed.
    """
    weights = [(variable, variable.numpy()) for variable in model.non_trainable_variables]

    @cache
    def compiled(is_step: bool, xla: bool, spec: tf.TensorSpec) -> Compute:
        compute = _step_of(model, seed) if is_step else _forward_of(model, seed)
        if not in_graph:
            return compute
        return tf.function(compute, (spec,), autograph=False, jit_compile=xla)

    def values_on(rows: StoredRows, batch: Batch) -> dict[str, np.ndarray]:
        first_rows = rows.first(batch.count * batch.num_rows)
        spec = tf.TensorSpec((None, *rows.shape), rows.dtype)
        compute, results = compiled(batch.is_step, batch.xla, spec), []
        for array in np.resize(first_rows, (batch.count, batch.num_rows, *first_rows.shape[1:])):
            results.append({name: v.numpy() for name, v in compute(tf.constant(array)).items()})
            for variable, weight in weights:  # a step changes averages and codebooks
                variable.assign(weight)
        stacked = {name: np.stack([result[name] for result in results]) for name in results[0]}
        return {name: v.sum(0) if name in PARTS else v for name, v in stacked.items()}

    return values_on


def _step_of(model: Autoencoder, seed: int) -> Compute:
    encoder, decoder = (part.trainable_variables for part in (model.encoder, model.decoder))

    def compute(rows: tf.Tensor):
        with tf.GradientTape() as tape:
            terms = model.loss_terms(rows, training=True, step=0, seed=seed)
        gradients: list[tf.Tensor] = tape.gradient(  # pyright: ignore[reportAssignmentType]
            terms["loss"], [*encoder, *decoder], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        flat = [tf.reshape(gradient, [-1]) for gradient in gradients]
        return {
            "loss": terms["loss"],
            "encoder": tf.concat(flat[: len(encoder)], 0),
            "decoder": tf.concat(flat[len(encoder) :], 0),
        }

    return compute


def _forward_of(model: Autoencoder, seed: int) -> Compute:
    def compute(rows: tf.Tensor):
        outputs = model.encoder(model.preprocessing(rows), training=False)
        x_hat = model.decoder(outputs[:, : model.latent_dim], training=False)
        terms = model.loss_terms(rows, training=False, step=0, seed=seed)
        return {"latents": outputs, "reconstructions": x_hat, "loss": terms["loss"]}

    return compute
