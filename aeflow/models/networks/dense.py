"""Dense network: one hidden layer in the encoder and one in the decoder.

After the blog post "Implementing an Autoencoder in TensorFlow 2.0" (2019).
"""

from math import prod

import tensorflow as tf

from aeflow.configs import DenseOptions
from aeflow.models.networks.outputs import activated

__all__ = ["Decoder", "Encoder"]

layers = tf.keras.layers


class Encoder(layers.Layer):
    """Maps x [B, *shape] to [B, num_outputs] through one hidden layer of rectified units."""

    def __init__(self, options: DenseOptions, *, num_outputs: int):
        super().__init__(name="encoder")
        self.flatten = layers.Flatten("channels_last")
        self.hidden = layers.Dense(options.hidden_units, activation="relu")
        self.outputs = layers.Dense(
            num_outputs, activation=options.latent_activation, dtype="float32"
        )

    def call(self, x: tf.Tensor, training: bool = False):
        """Returns [B, num_outputs]."""
        return self.outputs(self.hidden(self.flatten(x)))


class Decoder(layers.Layer):
    """Maps z [B, latent_dim] to x_hat [B, *shape] through one hidden layer of rectified units."""

    def __init__(self, options: DenseOptions, *, shape: tuple[int, ...]):
        super().__init__(name="decoder")
        self.hidden = layers.Dense(options.hidden_units, activation="relu")
        self.outputs = layers.Dense(prod(shape))
        self.reshape = layers.Reshape(shape)
        self.activation = options.output_activation

    def call(self, z: tf.Tensor, training: bool = False):
        """Returns x_hat [B, *shape]."""
        return activated(self.reshape(self.outputs(self.hidden(z))), self.activation)
