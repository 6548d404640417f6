"""Properties of single networks. What all have in common is in test_kinds_and_networks."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from aeflow.configs import ConvolutionalOptions, DeepOptions, DenseOptions, ModelConfig
from aeflow.errors import ConfigError
from aeflow.models import Autoencoder, build
from aeflow.models.networks.outputs import clipped
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.schema import ExampleSchema


def built(network, shape: tuple[int, ...]) -> Autoencoder:
    is_image = len(shape) == 3
    schema = ExampleSchema(
        shape=shape,
        dtype="uint8" if is_image else "float32",
        value_range=(0, 255) if is_image else None,
    )
    preprocessing = fit_preprocessing(schema, np.zeros(shape), np.ones(shape))
    return build(ModelConfig(network=network, latent_dim=4), schema, preprocessing, seed=0)


@pytest.mark.parametrize("shape", [(8, 8, 1), (15, 11, 3), (28, 28, 1)])
@pytest.mark.parametrize(
    "network",
    [
        ConvolutionalOptions(),
        ConvolutionalOptions(filters=(4, 8), stride=3, kernel_size=5),
        ConvolutionalOptions(filters=(4, 4, 4)),
        ConvolutionalOptions(filters=(4,), stride=1),
    ],
    ids=lambda network: f"{network.filters}-{network.stride}",
)
def test_convolutional_network_takes_any_height_and_width_it_has_room_for(network, shape):
    if network.stride ** len(network.filters) <= min(shape[:2]):
        assert built(network, shape)(np.zeros((2, *shape), np.uint8)).shape == (2, *shape)
    else:
        with pytest.raises(ConfigError, match="takes images of at least 9x9, not 8x8"):
            built(network, shape)


def test_image_too_small_for_the_convolutions_is_refused_in_one_line():
    with pytest.raises(ConfigError) as raised:
        built(ConvolutionalOptions(filters=(4, 4, 4, 4)), (12, 40, 3))
    assert str(raised.value) == (
        "The convolutional network with 4 convolutions of stride 2 takes images of at least "
        "16x16, not 12x40. Choose fewer filters or --network dense."
    )


def test_convolutional_network_refuses_vectors():
    with pytest.raises(ConfigError) as raised:
        built(ConvolutionalOptions(), (5,))
    assert str(raised.value) == (
        "The convolutional network takes images [H, W, C], not examples of shape (5,). "
        "Choose --network dense."
    )


@pytest.mark.parametrize("hidden_layers", [(7,), (9, 9), (5, 6, 6, 6, 8)])
@pytest.mark.parametrize("normalisation", ["layer", "batch", "none"])
def test_deep_network_has_its_hidden_layers_in_both_directions(hidden_layers, normalisation):
    network = DeepOptions(hidden_layers=hidden_layers, normalisation=normalisation)
    model = built(network, (5,))
    kernels = [v.shape for v in model.trainable_variables if len(v.shape) == 2]
    widths = [5, *hidden_layers, 4, *hidden_layers[::-1], 5]
    assert kernels == list(pairwise(widths))


def test_hidden_layers_are_residual_if_widths_are_equal():
    x = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    for residual in (True, False):
        network = DeepOptions(hidden_layers=(8, 8, 9), residual=residual)
        _, *hidden, _ = built(network, (5,)).encoder.stack.layers
        assert [layer.is_residual for layer in hidden] == [False, residual, False]
    first, second, _ = hidden
    y = first(x)
    second.is_residual = True
    assert np.allclose(second(y), y + second.stack(y))


@pytest.mark.parametrize("network", [DenseOptions(), DeepOptions(), ConvolutionalOptions()])
def test_images_are_reconstructed_between_0_and_1(network):
    x_hat = built(network, (8, 8, 1)).decode(100 * np.eye(4, dtype=np.float32)).numpy()
    assert (x_hat.min(), x_hat.max()) == (0.0, 1.0)


@pytest.mark.parametrize("network", [DenseOptions(), DeepOptions()])
def test_vectors_are_reconstructed_without_bounds(network):
    x_hat = built(network, (5,)).decode(100 * np.eye(4, dtype=np.float32)).numpy()
    assert x_hat.min() < 0
    assert x_hat.max() > 1


def test_an_output_has_the_activation_in_its_options():
    z = 100 * np.eye(4, dtype=np.float32)
    linear, sigmoid = (
        built(DenseOptions(output_activation=activation), (8, 8, 1)).decode(z).numpy()
        for activation in ("linear", "sigmoid")
    )
    assert linear.min() < 0
    assert np.allclose(sigmoid, 1 / (1 + np.exp(-linear)), atol=1e-5)


def test_a_clipped_output_moves_towards_its_target_from_wherever_it_is():
    outputs = tf.constant([-5.0, -5.0, 0.5, 7.0, 7.0])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        error = tf.reduce_sum(tf.square(clipped(outputs) - [0.0, 0.25, 0.5, 0.75, 1.0]))
    assert tape.gradient(error, outputs).numpy().tolist() == [0.0, -0.5, 0.0, 0.5, 0.0]
