"""Deep dense network: any number of hidden layers, with normalisation and residual connections.

A hidden layer has a residual connection (He et al. 2016, https://arxiv.org/abs/1512.03385) if it is
as wide as the hidden layer before it. Options can switch both off.
"""

from itertools import pairwise
from math import prod

import tensorflow as tf

from aeflow.configs import DeepOptions
from aeflow.models.networks.normalisation import batch_normalisation
from aeflow.models.networks.outputs import activated

__all__ = ["Decoder", "Encoder", "Hidden"]

layers = tf.keras.layers


class Encoder(layers.Layer):
    """Maps x [B, *shape] to [B, num_outputs] through the hidden layers."""

    def __init__(self, options: DeepOptions, *, num_outputs: int):
        super().__init__(name="encoder")
        hidden = _hidden(options.hidden_layers, options)
        outputs = layers.Dense(num_outputs, dtype="float32")
        self.stack = tf.keras.Sequential([layers.Flatten("channels_last"), *hidden, outputs])

    def call(self, x: tf.Tensor, training: bool = False):
        """Returns [B, num_outputs]."""
        return self.stack(x, training=training)


class Decoder(layers.Layer):
    """Maps z [B, latent_dim] to x_hat [B, *shape] through the hidden layers, in reverse."""

    def __init__(self, options: DeepOptions, *, shape: tuple[int, ...]):
        super().__init__(name="decoder")
        hidden = _hidden(options.hidden_layers[::-1], options)
        self.stack = tf.keras.Sequential(
            [*hidden, layers.Dense(prod(shape)), layers.Reshape(shape)]
        )
        self.activation = options.output_activation

    def call(self, z: tf.Tensor, training: bool = False):
        """Returns x_hat [B, *shape]."""
        return activated(self.stack(z, training=training), self.activation)


class Hidden(layers.Layer):
    """Maps [B, n] to [B, units] by a dense layer, normalisation and a ReLU.

    A residual layer adds its input to the result.
    """

    def __init__(self, units: int, options: DeepOptions, *, is_residual: bool):
        super().__init__()
        norms = {
            "none": [],
            "layer": [layers.LayerNormalization()],
            "batch": [batch_normalisation()],
        }[options.normalisation]
        dense = layers.Dense(units, use_bias=not norms)
        self.stack = tf.keras.Sequential([dense, *norms, layers.ReLU()])
        self.is_residual = is_residual

    def call(self, x: tf.Tensor, training: bool = False):
        """Returns [B, units]."""
        y = self.stack(x, training=training)
        return x + y if self.is_residual else y


def _hidden(widths: tuple[int, ...], options: DeepOptions) -> list[Hidden]:
    return [
        Hidden(units, options, is_residual=options.residual and units == previous_units)
        for previous_units, units in pairwise((0, *widths))
    ]
