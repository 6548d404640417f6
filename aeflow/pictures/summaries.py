"""Summaries for TensorBoard, written during training and again when a run is published.

Like `tf.summary`, every function writes to the default writer. A writer's `as_default()` makes it
the default writer, and `tf.summary.record_if` chooses the steps that are recorded.
"""

from collections.abc import Mapping

import numpy as np

from aeflow.compute.tensorflow import tf

__all__ = ["panel_image", "tag_of", "write_panel", "write_scalars"]

GAP = 2
SMALLEST = 64
VALIDATION = "validation_"
ABOUT_TRAINING = ("epoch", "examples_per_second", "learning_rate")


def write_scalars(step: int, terms: Mapping[str, float]) -> None:
    """Writes one scalar for each loss term or other value of a step, under the tag from `tag_of`.

    `loss` and `validation_loss`, for example, share one group in TensorBoard. `terms` may be a
    whole row of a training history, because the entry `step` is skipped.
    """
    for name, value in terms.items():
        if name != "step":
            tf.summary.scalar(tag_of(name), value, step)


def write_panel(tag: str, originals: np.ndarray, reconstructions: np.ndarray, *, step: int) -> None:
    """Writes images [N, H, W, C] in [0, 1] above their reconstructions, as one picture.

    TensorBoard keeps only 10 steps per tag. Write at most 10 steps, spread over the run.
    """
    tf.summary.image(tag, panel_image(originals, reconstructions), step)


def tag_of(term: str) -> str:
    """Returns the tag of a loss term or of another value of a step.

    For example, the tag of `loss` is `loss/train`, that of `validation_loss` is `loss/validation`,
    and that of `learning_rate` is `training/learning_rate`.
    """
    if term in ABOUT_TRAINING:
        return f"training/{term}"
    if term.startswith(VALIDATION):
        return f"{term.removeprefix(VALIDATION)}/validation"
    return f"{term}/train"


def panel_image(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Lays images [N, H, W, C] in [0, 1] above their reconstructions, as uint8 [1, H', W', C'].

    Small images are enlarged by a whole factor. C' is 1 or 3; for any other C, the channels are
    averaged.
    """
    return np.concatenate([_row(originals), _row(reconstructions)])[np.newaxis]


def _row(images: np.ndarray) -> np.ndarray:
    """Lays images [N, H, W, C] side by side, with a white border around each."""
    if images.shape[-1] not in (1, 3):
        images = images.mean(axis=-1, keepdims=True)
    pixels = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    factor = max(1, SMALLEST // max(pixels.shape[1:3]))
    enlarged = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    around = ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0))
    return np.concatenate(list(np.pad(enlarged, around, constant_values=255)), axis=1)
