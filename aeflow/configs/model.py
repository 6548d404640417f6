"""Which model is trained: a network, a kind, and how many numbers a latent has."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = [
    "ConvolutionalOptions",
    "DenoisingOptions",
    "DenseOptions",
    "KindOptions",
    "ModelConfig",
    "NetworkOptions",
    "PlainOptions",
]


class DenseOptions(Config):
    """Sizes the encoder and decoder of the 2019 post: one hidden layer each."""

    name: Literal["dense"] = "dense"
    """One hidden layer in the encoder, one in the decoder."""
    hidden_units: int = Field(default=128, ge=1, le=65536)
    """Units of the hidden layer, in the encoder as in the decoder."""
    latent_activation: Literal["linear", "sigmoid"] = "linear"
    """Activation of the latent; the 2019 post has sigmoid."""
    output_activation: Literal["linear", "sigmoid"] = "linear"
    """Activation of the reconstruction; the 2019 post has sigmoid, linear never collapses."""


class ConvolutionalOptions(Config):
    """Sizes a small strided convolutional network for images."""

    name: Literal["convolutional"] = "convolutional"
    """Strided convolutions with batch normalisation, mirrored in the decoder."""
    filters: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(32, 64), min_length=1, max_length=8
    )
    """Filters of each convolution; every one halves height and width."""
    kernel_size: int = Field(default=3, ge=1, le=15)
    """Height and width of a convolution's kernel."""


NetworkOptions = Annotated[DenseOptions | ConvolutionalOptions, Field(discriminator="name")]


class PlainOptions(Config):
    """Chooses the plain autoencoder, which minimises the mean squared reconstruction error."""

    name: Literal["plain"] = "plain"
    """The mean squared reconstruction error and nothing else."""


class DenoisingOptions(Config):
    """Chooses the denoising autoencoder, which reconstructs clean input from noisy input."""

    name: Literal["denoising"] = "denoising"
    """Clean input reconstructed from noisy input."""
    noise_stddev: float = Field(default=0.3, gt=0, le=100)
    """Standard deviation of the Gaussian noise, in the model's input units (images in [0, 1])."""


KindOptions = Annotated[PlainOptions | DenoisingOptions, Field(discriminator="name")]


class ModelConfig(Config):
    """Chooses the network, the kind and the size of the latent."""

    network: NetworkOptions = DenseOptions()
    """The encoder and decoder."""
    kind: KindOptions = PlainOptions()
    """The kind of autoencoder: what it minimises."""
    latent_dim: int = Field(default=32, ge=1, le=65536)
    """Numbers in the latent of one example."""
