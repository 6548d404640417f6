"""The networks: pairs of an `Encoder` and a `Decoder`, both Keras layers. One file per network."""

__all__ = ["NETWORKS"]

NETWORKS = {
    "dense": "aeflow.models.networks.dense",
    "deep": "aeflow.models.networks.deep",
    "convolutional": "aeflow.models.networks.convolutional",
}
"""Maps the name of a network in a config to its module. The module is imported on use."""
