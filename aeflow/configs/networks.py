"""The options of each network."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.bounds import Choice, Range, Space
from aeflow.configs.config import Config

__all__ = ["ConvolutionalOptions", "DeepOptions", "DenseOptions", "NetworkOptions"]

Output = Literal["auto", "linear", "clipped", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]
WIDTHS = ((128,), (256,), (512,), (256, 256), (512, 256), (512, 512), (256, 256, 256))
"""Hidden layers that a study tries."""


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

    def tuned(self) -> Space:
        """Returns widths from a quarter of the default's to eight times it."""
        return {"hidden_units": Range(32, 1024)}


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

    def tuned(self) -> Space:
        """Returns numbers and widths of layers, and each normalisation."""
        return {
            "hidden_layers": Choice(WIDTHS),
            "normalisation": Choice(("layer", "batch", "none")),
        }


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

    def tuned(self) -> Space:
        """Returns filters half as many and twice as many, and sizes of kernels."""
        narrow = tuple(max(1, width // 2) for width in self.filters)
        wide = tuple(2 * width for width in self.filters)
        return {"filters": Choice((narrow, self.filters, wide)), "kernel_size": Choice((3, 5))}


NetworkOptions = Annotated[
    DenseOptions | DeepOptions | ConvolutionalOptions, Field(discriminator="name")
]
