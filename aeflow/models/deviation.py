"""How far a model's values in a short float type, such as bfloat16, deviate from float32.

A library may compute a short type correctly on one processor and wrongly on another. For example,
oneDNN in TensorFlow 2.21 returns garbage from small bfloat16 convolutions on processors with AMX.
Before a run uses a short type, its values are therefore compared with float32 values, at each batch
size of the run.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import tensorflow as tf

from aeflow.errors import InexactPrecision

__all__ = [
    "ACCEPTED",
    "Deviation",
    "largest_deviation",
    "refusing_in",
    "relative_deviation",
]

ACCEPTED = 0.05
"""The largest accepted deviation. Correct bfloat16 values deviated by at most 0.02."""
TINY = 1e-30
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables that can hide CPU instructions from oneDNN.

If TensorFlow needs a hidden instruction, the process crashes.
"""
PRODUCT = "from aeflow.compute.tensorflow import tf; a = tf.ones((16, 16), tf.{}); tf.matmul(a, a)"


@dataclass(frozen=True)
class Deviation:
    """Holds the deviation of a model's values from float32 in batches of `num_rows` rows.

    `name` names the values, such as "latents". `accepted` is the largest accepted deviation.
    """

    name: str
    num_rows: int
    value: float
    accepted: float = ACCEPTED

    @property
    def is_accepted(self) -> bool:
        """Whether the values may be used, because their deviation is small enough."""
        return self.value <= self.accepted

    def check(self, precision: str, *, section: str) -> None:
        """Raises InexactPrecision unless the deviation is accepted; the error names the remedy.

        `section` is the part of the config that chose the precision: "train" or "encode".
        """
        if not self.is_accepted:
            raise InexactPrecision(
                f"This processor computes the model too inexactly in {precision}: in batches of "
                f"{self.num_rows} rows, the deviation of the {self.name} from float32 is "
                f"{self.value:.2g}, but at most {self.accepted:g} is accepted. "
                f'Choose precision = "float32" in [{section}].'
            )


@contextmanager
def refusing_in(precision: str, *, section: str) -> Iterator[None]:
    """Raises InexactPrecision if TensorFlow cannot compute in `precision` in the `with` block.

    Errors for lack of memory are passed on.
    """
    remedy = f'Choose precision = "float32" in [{section}].'
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
    if limits and _crashes_in(precision):
        raise InexactPrecision(
            f"TensorFlow crashes when it computes in {precision} under {limits[0]}. {remedy}"
        )
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise
    except tf.errors.OpError as error:
        raise InexactPrecision(
            f"TensorFlow cannot compute the model in {precision} on this processor "
            f"({type(error).__name__}). {remedy}"
        ) from error


@cache
def _crashes_in(precision: str) -> bool:
    """Returns whether a matrix product in `precision` crashes a child process."""
    child = [sys.executable, "-c", PRODUCT.format(precision)]
    return subprocess.run(child, capture_output=True, check=False).returncode < 0


def largest_deviation(values: np.ndarray, exact: np.ndarray) -> float:
    """Returns the largest absolute difference, relative to the largest absolute exact value.

    The deviation is infinite if one of the `values` is not finite.
    """
    difference = _difference(values, exact)
    return float(np.max(np.abs(difference)) / max(np.max(np.abs(exact)), TINY))


def relative_deviation(values: np.ndarray, exact: np.ndarray) -> float:
    """Returns the Euclidean norm of the difference, relative to the norm of the exact values.

    The deviation is infinite if one of the `values` is not finite.
    """
    difference = _difference(values, exact)
    return float(np.linalg.norm(difference) / max(np.linalg.norm(exact), TINY))


def _difference(values: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Returns `values` minus `exact`, computed in float64.

    If one of the `values` is not finite, the result is a single infinite value.
    """
    if not np.isfinite(values).all():
        return np.full(1, np.inf)
    return values.astype(np.float64) - exact
