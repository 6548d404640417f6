"""The check that this processor trains a model correctly in a short float type, such as bfloat16.

The check runs before the first training step. Two copies of the model have the same weights. One
copy computes in the short type, and the other in float32. Both copies process the same training
rows, at each batch size of the run. Forward passes are compared at every batch size, and gradients
at the batch sizes of training steps.
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
In bfloat16, a ReLU with an input near 0 may switch on or off. Single values of a correct gradient
therefore deviate by up to 0.7 of the largest value. If gradients are summed as GRADIENT_BATCHES
describes and norms are compared, the correct gradients of all kinds on all networks deviate by at
most 0.21. The gradient of the contractive kind deviates by 0.3 to 1.0 and is not correct: the
penalty of this kind is a small difference, and bfloat16 rounds away most of this difference.
"""
GRADIENT_ROWS = 128
GRADIENT_BATCHES = 16
"""The largest number of small batches whose gradients are summed before they are compared.

Gradients are summed over as many batches as fit into GRADIENT_ROWS rows, but over at least one.
"""
PARTS = ("encoder", "decoder")

Compute = Callable[[tf.Tensor], dict[str, tf.Tensor]]


@dataclass(frozen=True)
class Batch:
    """Describes batches to compare: by a forward pass, or by loss and gradients of a training step.

    `xla` says whether XLA compiles the step.
    """

    num_rows: int
    is_step: bool
    xla: bool = False

    @property
    def count(self) -> int:
        """The number of batches that are computed for one comparison."""
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

    Returns the model in the config's precision, with its initial weights.

    Args:
        build_in: Builds the model to train. The argument is the precision.
        rows: The training split.
        batches: Descriptions of the batches that the run computes.
        config: Gives the precision and the seed.
        agreement: Makes all machines take the same branch.

    Raises:
        InexactPrecision: A value deviates too far, or TensorFlow cannot compute in this precision,
            on this machine or on another.
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
    """Returns descriptions of all batches to compare.

    These are one forward pass for each batch size of the run, and then the training steps.

    Args:
        num_rows: The number of rows of the training split.
        num_validation: The number of rows of the validation split.
        batch_size: The number of rows of a step on a whole batch.
        parts: The number of equal parts that a whole batch is split into, over all devices.
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
    """Yields how far the values of the model `short` deviate from those of `exact`, by batch."""
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

    Gradients are summed over the batches. All other values are stacked.
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
