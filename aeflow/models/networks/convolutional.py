"""Small convolutional network: strides instead of pooling (https://arxiv.org/abs/1412.6806)."""

from math import ceil, prod

import tensorflow as tf

from aeflow.configs import ConvolutionalOptions
from aeflow.errors import ConfigError

__all__ = ["Decoder", "Encoder"]

layers = tf.keras.layers

MOMENTUM = 0.9
"""Of batch statistics; Keras's 0.99 lags for hundreds of steps, all of them on small data."""


class Encoder(layers.Layer):
    """Maps images x [B, H, W, C] to [B, num_outputs]; each convolution halves H and W."""

    def __init__(self, options: ConvolutionalOptions, *, num_outputs: int):
        super().__init__(name="encoder")
        blocks = [_block(layers.Conv2D, filters, options) for filters in options.filters]
        self.convolutions = tf.keras.Sequential(blocks)
        self.outputs = tf.keras.Sequential([layers.Flatten(), layers.Dense(num_outputs)])

    def call(self, x, training=False):
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
        halvings = 2 ** len(options.filters)
        small = (ceil(self.height / halvings), ceil(self.width / halvings), options.filters[-1])
        # Normalised before it is rectified: without that, large steps leave every unit dead.
        self.inputs = tf.keras.Sequential(
            [
                layers.Dense(prod(small), use_bias=False),
                layers.Reshape(small),
                layers.BatchNormalization(momentum=MOMENTUM),
                layers.ReLU(),
            ]
        )
        mirrored = options.filters[-2::-1] if len(options.filters) > 1 else ()
        blocks = [_block(layers.Conv2DTranspose, filters, options) for filters in mirrored]
        last = layers.Conv2DTranspose(channels, options.kernel_size, strides=2, padding="same")
        self.convolutions = tf.keras.Sequential([*blocks, last])

    def call(self, z, training=False):
        """Returns x_hat [B, H, W, C]; odd heights and widths are cut from the next even ones."""
        x_hat = self.convolutions(self.inputs(z, training=training), training=training)
        return x_hat[:, : self.height, : self.width, :]


def _block(convolution, filters: int, options: ConvolutionalOptions) -> tf.keras.Sequential:
    return tf.keras.Sequential(
        [
            convolution(filters, options.kernel_size, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=MOMENTUM),
            layers.ReLU(),
        ]
    )
