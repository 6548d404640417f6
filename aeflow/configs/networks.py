"""The options of each network."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["ConvolutionalOptions", "DeepOptions", "DenseOptions", "NetworkOptions"]

Output = Literal["auto", "linear", "clipped", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]


class DenseOptions(Config):
    """Sizes the encoder and decoder of the 2019 post: one hidden layer each."""

    name: Literal["dense"] = "dense"
    """One hidden layer in the encoder, one in the decoder."""
    hidden_units: int = Field(default=128, ge=1, le=65536)
    """Units of the hidden layer, in the encoder as in the decoder."""
    latent_activation: Literal["linear", "sigmoid"] = "linear"
    """Activation of the latent; the 2019 post has sigmoid."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto is clipped to [0, 1] for images, else linear."""


class DeepOptions(Config):
    """Sizes a dense network with any number of hidden layers."""

    name: Literal["deep"] = "deep"
    """Any number of hidden layers in the encoder, mirrored in the decoder."""
    hidden_layers: tuple[Width, ...] = Field(default=(256, 256), min_length=1, max_length=64)
    """Units of each hidden layer of the encoder; the decoder has them in reverse."""
    normalisation: Literal["layer", "batch", "none"] = "layer"
    """What follows each hidden layer: its own statistics, those of the batch, or nothing."""
    residual: bool = True
    """Whether a hidden layer is added to the one before, where both have the same width."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto is clipped to [0, 1] for images, else linear."""


class ConvolutionalOptions(Config):
    """Sizes a small strided convolutional network for images."""

    name: Literal["convolutional"] = "convolutional"
    """Strided convolutions, mirrored in the decoder."""
    filters: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(32, 64, 96), min_length=1, max_length=8
    )
    """Filters of each convolution; every one divides height and width by the stride."""
    kernel_size: int = Field(default=3, ge=1, le=15)
    """Height and width of a convolution's kernel."""
    stride: int = Field(default=2, ge=1, le=8)
    """Step of a convolution, by which it divides height and width."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto is clipped to [0, 1]."""


NetworkOptions = Annotated[
    DenseOptions | DeepOptions | ConvolutionalOptions, Field(discriminator="name")
]
