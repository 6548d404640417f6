"""The options of each network."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["ConvolutionalOptions", "DenseOptions", "NetworkOptions"]


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
