"""The model to train: its network, its kind and its number of latent dimensions."""

from pydantic import Field

from aeflow.configs.config import Config
from aeflow.configs.kinds import KindOptions, PlainOptions
from aeflow.configs.networks import DenseOptions, NetworkOptions

__all__ = ["KindOptions", "ModelConfig", "NetworkOptions"]


class ModelConfig(Config):
    """Chooses the network, the kind and the number of latent dimensions."""

    network: NetworkOptions = DenseOptions()
    """Network of the encoder and the decoder."""
    kind: KindOptions = PlainOptions()
    """Kind of autoencoder, which decides what is minimised."""
    latent_dim: int = Field(default=32, ge=1, le=65536)
    """Number of dimensions of one example's latent."""
