import numpy as np
import pytest
import tensorflow as tf

from aeflow.schema import ExampleSchema
from aeflow.stages.evaluation.metrics import METRICS, metrics_of

IMAGES = ExampleSchema(shape=(8, 8, 1), dtype="uint8", value_range=(0, 255))
VECTORS = ExampleSchema(shape=(5,), dtype="float32")


def images(value: float, count: int = 2) -> tf.Tensor:
    return tf.fill((count, 16, 16, 1), value)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_one_number_an_example(name):
    x = tf.random.stateless_uniform((3, 16, 16, 3), seed=(0, 0))
    assert METRICS[name](x, x * 0.5).shape == (3,)


@pytest.mark.parametrize(
    ("name", "expected"), [("mse", 0.25), ("mae", 0.5), ("psnr", 6.0206), ("ssim", 0.0001)]
)
def test_a_metric_of_constant_images_is_what_its_formula_says(name, expected):
    x, x_hat = images(0.0), images(0.5)
    if name == "ssim":  # c1 / (mean^2 + c1), c1 = 0.01^2
        expected = 1e-4 / (0.25 + 1e-4)
    assert METRICS[name](x, x_hat).numpy().tolist() == pytest.approx([expected] * 2, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "best"), [("mse", 0.0), ("mae", 0.0), ("psnr", 100.0), ("ssim", 1.0)]
)
def test_an_exact_reconstruction_scores_best(name, best):
    x = tf.random.stateless_uniform((2, 16, 16, 1), seed=(0, 0))
    assert METRICS[name](x, x).numpy() == pytest.approx(np.full(2, best), abs=1e-4)


def test_ssim_takes_images_smaller_than_its_window():
    x = tf.random.stateless_uniform((2, 8, 8, 1), seed=(0, 0))
    assert METRICS["ssim"](x, x).numpy() == pytest.approx([1.0, 1.0])


def test_vectors_are_scored_by_errors_alone():
    assert list(metrics_of(VECTORS)) == ["mse", "mae"]
    assert list(metrics_of(IMAGES)) == ["mse", "mae", "psnr", "ssim"]
