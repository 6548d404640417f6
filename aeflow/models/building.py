"""The construction of a model from a network and a kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import cast

import numpy as np
import tensorflow as tf

from aeflow.configs import ModelConfig
from aeflow.models.autoencoder import Autoencoder
from aeflow.models.kinds import KINDS
from aeflow.models.networks import NETWORKS
from aeflow.models.preprocessing import Preprocessing
from aeflow.schema import ExampleSchema

__all__ = ["build", "kind_class"]


def build(
    config: ModelConfig,
    schema: ExampleSchema,
    preprocessing: Preprocessing,
    *,
    seed: int,
    strategy: tf.distribute.Strategy | None = None,
    precision: str = "float32",
) -> Autoencoder:
    """Builds a model with all its variables; the initial weights depend on `seed`.

    With a strategy, each of its devices holds the variables. Layers multiply in `precision`.
    Variables and latents are float32 in every precision.

    Raises ConfigError if the network does not take examples of this shape.
    """
    network = import_module(NETWORKS[config.network.name])
    kind = kind_class(config.kind.name)
    tf.keras.utils.clear_session(free_memory=False)  # restarts the numbers in layer names
    tf.keras.utils.set_random_seed(seed)
    with (strategy or tf.distribute.get_strategy()).scope():
        outputs = kind.encoder_outputs(config.latent_dim)
        with _multiplying_in(precision):
            decoder = network.Decoder(config.network, shape=schema.shape)
            encoder = network.Encoder(config.network, num_outputs=outputs)
        options = {"options": config.kind, "latent_dim": config.latent_dim}
        with _multiplying_in("float32"):  # the process may have another default
            model = cast(Autoencoder, kind(preprocessing, encoder, decoder, **options))
        model(np.zeros((1, *schema.shape), schema.dtype))
    return model


def kind_class(name: str) -> type[Autoencoder]:
    """Returns the class of a kind by its name in a config."""
    module, _, attribute = KINDS[name].partition(":")
    return getattr(import_module(module), attribute)


@contextmanager
def _multiplying_in(precision: str) -> Iterator[None]:
    """Makes layers that this thread creates in the block multiply in float32 or bfloat16."""
    previous_policy = tf.keras.config.dtype_policy()
    tf.keras.config.set_dtype_policy({"bfloat16": "mixed_bfloat16"}.get(precision, precision))
    try:
        yield
    finally:
        tf.keras.config.set_dtype_policy(previous_policy)
