import numpy as np
import pytest
import tensorflow as tf

from aeflow.configs import TrainConfig
from aeflow.stages.training.optimizers import build_optimizer, learning_rate_at


def rates(steps: tuple[int, ...], **options) -> list[float]:
    config = TrainConfig(learning_rate=0.01, **options)
    return [learning_rate_at(config, step, num_steps=100) for step in steps]


def stepped(value: np.ndarray, gradient: np.ndarray, **options) -> np.ndarray:
    """Returns a variable after one step at a constant learning rate of 0.1."""
    config = TrainConfig(learning_rate=0.1, schedule="constant", **options)
    variable = tf.keras.Variable(value.astype(np.float32))
    optimizer = build_optimizer(config, [variable], num_steps=1)
    optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    return variable.numpy()


def test_cosine_rises_over_the_warm_up_and_falls_to_zero():
    expected = [0.0, 0.005, 0.01, 0.005, 0.0]
    assert rates((0, 5, 10, 55, 100)) == pytest.approx(expected, abs=1e-6)


def test_one_cycle_rises_and_falls_straight():
    actual = rates((0, 20, 40, 70, 100), schedule="one_cycle", warmup_fraction=0.4)
    assert actual == pytest.approx([0.0004, 0.0052, 0.01, 0.005, 0.0], abs=1e-6)


def test_constant_does_not_change():
    assert rates((0, 50, 100), schedule="constant") == [0.01, 0.01, 0.01]


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_without_a_warm_up_a_schedule_begins_at_its_peak(schedule):
    assert rates((0,), schedule=schedule, warmup_fraction=0.0) == pytest.approx([0.01])


@pytest.mark.parametrize(("optimizer", "expected"), [("adam", 2.0), ("adamw", 1.9), ("muon", 1.9)])
def test_weight_decay_shrinks_weights_that_have_no_gradient(optimizer, expected):
    value = 2 * np.ones((3, 2))
    actual = stepped(value, 0 * value, optimizer=optimizer, weight_decay=0.5)
    assert actual == pytest.approx(expected * np.ones((3, 2)))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_gradients_are_clipped_before_the_optimizer_sees_them(optimizer):
    config = TrainConfig(optimizer=optimizer, clip_norm=0.5)
    kernel = tf.keras.Variable(np.zeros((1, 2), np.float32))
    built = build_optimizer(config, [kernel], num_steps=1)
    built.apply([tf.constant([[300.0, 400.0]])], [kernel])
    averages = [v.numpy() for v in built.variables if v.shape == kernel.shape]
    assert 0 < max(np.abs(average).max() for average in averages) <= 0.4 + 1e-6


def test_muon_moves_a_kernel_by_the_same_in_every_direction():
    gradient = np.diag([100.0, 1.0])
    moved = -stepped(np.zeros((2, 2)), gradient, optimizer="muon")
    sizes = np.linalg.svd(moved, compute_uv=False)
    assert sizes.max() / sizes.min() < 2


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (2, 2, 8, 1), (1, 5, 2)])
def test_muon_takes_a_convolutions_kernel_as_a_matrix(shape: tuple[int, ...]):
    gradient = np.random.default_rng(0).normal(size=shape)
    matrix = gradient.reshape(-1, shape[-1])
    actual = stepped(0 * gradient, gradient, optimizer="muon")
    expected = stepped(0 * matrix, matrix, optimizer="muon")
    assert np.abs(actual).max() > 0.01
    np.testing.assert_allclose(actual.reshape(matrix.shape), expected, atol=1e-6)
