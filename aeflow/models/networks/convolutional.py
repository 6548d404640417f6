"""Small convolutional network: strides instead of pooling (https://arxiv.org/abs/1412.6806)."""

from math import ceil, prod
from typing import Any

import tensorflow as tf

from aeflow.configs import ConvolutionalOptions
from aeflow.errors import ConfigError
from aeflow.models.networks.normalisation import batch_normalisation
from aeflow.models.networks.outputs import activated

__all__ = ["Decoder", "Encoder"]

layers = tf.keras.layers


class Encoder(layers.Layer):
    """Maps images x [B, H, W, C] to [B, num_outputs].

    Each convolution divides H and W by the stride.
    """

    def __init__(self, options: ConvolutionalOptions, *, num_outputs: int):
        super().__init__(name="encoder")
        self.convolutions = tf.keras.Sequential(
            [_strided(layers.Conv2D, filters, options) for filters in options.filters]
        )
        self.outputs = tf.keras.Sequential(
            [layers.Flatten("channels_last"), layers.Dense(num_outputs, dtype="float32")]
        )

    def call(self, x: tf.Tensor, training: bool = False):
        """Returns [B, num_outputs]."""
        return self.outputs(self.convolutions(x, training=training))


class Decoder(layers.Layer):
    """Maps z [B, latent_dim] to images x_hat [B, H, W, C]; mirrors the encoder."""

    def __init__(self, options: ConvolutionalOptions, *, shape: tuple[int, ...]):
        super().__init__(name="decoder")
        if len(shape) != 3:
            raise ConfigError(
                f"The convolutional network takes images [H, W, C], not examples of shape {shape}. "
                "Choose --network dense."
            )
        self.height, self.width, channels = shape
        divisor = options.stride ** len(options.filters)
        if min(self.height, self.width) < divisor:
            raise ConfigError(
                f"The convolutional network with {len(options.filters)} convolutions of stride "
                f"{options.stride} takes images of at least {divisor}x{divisor}, not "
                f"{self.height}x{self.width}. Choose fewer filters or --network dense."
            )
        small = (ceil(self.height / divisor), ceil(self.width / divisor), options.filters[-1])
        # Without normalisation before the ReLU, large steps leave every unit dead. Normalisation
        # after each convolution takes a third of a step's time, and under Muon the error is larger.
        self.inputs = tf.keras.Sequential(
            [
                layers.Dense(prod(small), use_bias=False),
                layers.Reshape(small),
                batch_normalisation(),
                layers.ReLU(),
            ]
        )
        mirrored = options.filters[-2::-1] if len(options.filters) > 1 else ()
        hidden = [_strided(layers.Conv2DTranspose, filters, options) for filters in mirrored]
        last = _strided(layers.Conv2DTranspose, channels, options, activation=None)
        self.convolutions = tf.keras.Sequential([*hidden, last])
        self.activation = options.output_activation

    def call(self, z: tf.Tensor, training: bool = False):
        """Returns x_hat [B, H, W, C].

        The images are computed with H and W rounded up to multiples of the total stride, and are
        then cropped.
        """
        x_hat = self.convolutions(self.inputs(z, training=training), training=training)
        return activated(x_hat[:, : self.height, : self.width, :], self.activation)


def _strided(
    convolution: Any, filters: int, options: ConvolutionalOptions, activation: str | None = "relu"
) -> layers.Layer:
    return convolution(
        filters,
        options.kernel_size,
        strides=options.stride,
        padding="same",
        data_format="channels_last",
        activation=activation,
    )
