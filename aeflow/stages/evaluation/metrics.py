"""Metrics of reconstructions, one value for each example.

Every metric takes examples x and their reconstructions x_hat, both float32 [B, *shape] in input
units (for images, in [0, 1]), and returns values [B].
"""

from collections.abc import Callable
from typing import Any

from aeflow.compute.tensorflow import tf
from aeflow.schema import ExampleSchema

__all__ = ["METRICS", "mae", "metrics_of", "mse", "psnr", "ssim"]

SMALLEST_MSE = 1e-10
"""Caps the PSNR of an exact reconstruction at 100 dB."""
SSIM_WINDOW = 11


def mse(x: tf.Tensor, x_hat: tf.Tensor):
    """Returns the mean squared error of each example, [B]."""
    return _mean(tf.square(x - x_hat))


def mae(x: tf.Tensor, x_hat: tf.Tensor):
    """Returns the mean absolute error of each example, [B]."""
    return _mean(tf.abs(x - x_hat))


def psnr(x: tf.Tensor, x_hat: tf.Tensor):
    """Returns the peak signal-to-noise ratio of each image in decibels, [B]; the peak is 1.

    The formula is 10 log10(1 / MSE). The mean over images is about 1 dB above the PSNR of their
    mean MSE.
    """
    ratio = 1.0 / tf.maximum(mse(x, x_hat), SMALLEST_MSE)
    return 10.0 * tf.math.log(ratio) / tf.math.log(10.0)


def ssim(x: Any, x_hat: Any):
    """Returns the structural similarity of each image, [B] (https://doi.org/10.1109/TIP.2003.819861).

    The Gaussian window has 11 x 11 pixels, as in the paper. If a side of the images is shorter, the
    window's sides are as long as the shortest side.
    """
    window = min(SSIM_WINDOW, x.shape[1], x.shape[2])
    return tf.image.ssim(x, x_hat, max_val=1.0, filter_size=window)


METRICS: dict[str, Callable] = {"mse": mse, "mae": mae, "psnr": psnr, "ssim": ssim}
"""Maps the name of a metric to its function (x, x_hat) -> [B]."""

FOR_IMAGES = ("psnr", "ssim")


def metrics_of(schema: ExampleSchema) -> dict[str, Callable]:
    """Returns the metrics that make sense for examples of this schema, by name."""
    names = [name for name in METRICS if schema.is_image or name not in FOR_IMAGES]
    return {name: METRICS[name] for name in names}


def _mean(values: tf.Tensor):
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)
