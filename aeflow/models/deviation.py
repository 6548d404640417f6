"""How far a short type, such as bfloat16, takes a model's values from those of float32.

A library may compute a short type rightly on one processor and wrongly on another: oneDNN in
TensorFlow 2.21 returns garbage from small bfloat16 convolutions on processors with AMX. So a short
type is compared with float32 before it is used, at each batch size that will run.
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
"""The largest accepted deviation; of bfloat16 that is computed rightly, 0.02 was the largest."""
TINY = 1e-30
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Settings that may hide from oneDNN what TensorFlow takes for granted: it then crashes."""
PRODUCT = "from aeflow.compute.tensorflow import tf; a = tf.ones((16, 16), tf.{}); tf.matmul(a, a)"


@dataclass(frozen=True)
class Deviation:
    """Says how far values of one name are from float32's in batches of `num_rows` rows."""

    name: str
    num_rows: int
    value: float
    accepted: float = ACCEPTED

    @property
    def is_accepted(self) -> bool:
        """Whether the values may be used."""
        return self.value <= self.accepted

    def check(self, precision: str, *, section: str) -> None:
        """Raises InexactPrecision unless it is accepted, and says what to choose.

        `section` is the part of the config that chose the precision: "train" or "encode".
        """
        if not self.is_accepted:
            raise InexactPrecision(
                f"In {precision} this processor computes the model too inexactly: with "
                f"{self.num_rows} rows at once the deviation of the {self.name} from float32's is "
                f"{self.value:.2g}, accepted is {self.accepted:g}. "
                f'Choose precision = "float32" in [{section}].'
            )


@contextmanager
def refusing_in(precision: str, *, section: str) -> Iterator[None]:
    """Raises InexactPrecision if TensorFlow has no way to compute the block in that precision."""
    remedy = f'Choose precision = "float32" in [{section}].'
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
    if limits and _kills(precision):
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
def _kills(precision: str) -> bool:
    """Whether a process dies of a product in that precision, tried in one of its own."""
    child = [sys.executable, "-c", PRODUCT.format(precision)]
    return subprocess.run(child, capture_output=True, check=False).returncode < 0


def largest_deviation(values: np.ndarray, exact: np.ndarray) -> float:
    """Returns max |values - exact| / max |exact|; infinite if a value is not finite."""
    difference = _difference(values, exact)
    return float(np.max(np.abs(difference)) / max(np.max(np.abs(exact)), TINY))


def relative_deviation(values: np.ndarray, exact: np.ndarray) -> float:
    """Returns |values - exact| / |exact| in Euclidean norms; infinite if a value is not finite."""
    difference = _difference(values, exact)
    return float(np.linalg.norm(difference) / max(np.linalg.norm(exact), TINY))


def _difference(values: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Returns values - exact in float64, infinite if a value is not finite."""
    if not np.isfinite(values).all():
        return np.full(1, np.inf)
    return values.astype(np.float64) - exact
