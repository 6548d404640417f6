"""Which model is trained: a network, a kind, and how many numbers a latent has."""

from pydantic import Field

from aeflow.configs.config import Config
from aeflow.configs.kinds import KindOptions, PlainOptions
from aeflow.configs.networks import DenseOptions, NetworkOptions

__all__ = ["KindOptions", "ModelConfig", "NetworkOptions"]


class ModelConfig(Config):
    """Chooses the network, the kind and the size of the latent."""

    network: NetworkOptions = DenseOptions()
    """The encoder and decoder."""
    kind: KindOptions = PlainOptions()
    """The kind of autoencoder: what it minimises."""
    latent_dim: int = Field(default=32, ge=1, le=65536)
    """Numbers in the latent of one example."""
