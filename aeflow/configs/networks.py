"""The options of each network."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.bounds import Choice, Range, Space
from aeflow.configs.config import Config

__all__ = ["ConvolutionalOptions", "DeepOptions", "DenseOptions", "NetworkOptions"]

Output = Literal["auto", "linear", "clipped", "sigmoid"]
Width = Annotated[int, Field(ge=1, le=65536)]
WIDTHS = ((128,), (256,), (512,), (256, 256), (512, 256), (512, 512), (256, 256, 256))
"""The hidden layers that a study tries, given by the number of units of each layer."""


class DenseOptions(Config):
    """Sets the sizes of the 2019 post's encoder and decoder, with one hidden layer each."""

    name: Literal["dense"] = "dense"
    """One hidden layer in the encoder, one in the decoder."""
    hidden_units: int = Field(default=128, ge=1, le=65536)
    """Units of the hidden layer, in both the encoder and the decoder."""
    latent_activation: Literal["linear", "sigmoid"] = "linear"
    """Activation of the latent; the 2019 post uses sigmoid."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto clips images to [0, 1], and is linear otherwise."""

    def tuned(self) -> Space:
        """Returns widths from a quarter of the default to eight times the default."""
        return {"hidden_units": Range(32, 1024)}


class DeepOptions(Config):
    """Sets the sizes of a dense network with any number of hidden layers."""

    name: Literal["deep"] = "deep"
    """Any number of hidden layers in the encoder, mirrored in the decoder."""
    hidden_layers: tuple[Width, ...] = Field(default=(256, 256), min_length=1, max_length=64)
    """Units of each hidden layer of the encoder; the decoder has them in reverse order."""
    normalisation: Literal["layer", "batch", "none"] = "layer"
    """Normalisation of hidden layers: by statistics of each example or of the batch, or none."""
    residual: bool = True
    """Whether a hidden layer's input is added to its output, if both have the same width."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto clips images to [0, 1], and is linear otherwise."""

    def tuned(self) -> Space:
        """Returns hidden layers of several depths and widths, and every normalisation."""
        return {
            "hidden_layers": Choice(WIDTHS),
            "normalisation": Choice(("layer", "batch", "none")),
        }


class ConvolutionalOptions(Config):
    """Sets the sizes of a small strided convolutional network for images."""

    name: Literal["convolutional"] = "convolutional"
    """Strided convolutions, mirrored in the decoder."""
    filters: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(32, 64, 96), min_length=1, max_length=8
    )
    """Filters of each convolution; every convolution divides height and width by the stride."""
    kernel_size: int = Field(default=3, ge=1, le=15)
    """Height and width of a convolution's kernel."""
    stride: int = Field(default=2, ge=1, le=8)
    """Stride of each convolution, by which it divides height and width."""
    output_activation: Output = "auto"
    """Activation of the reconstruction; auto clips it to [0, 1]."""

    def tuned(self) -> Space:
        """Returns half, the same and twice the number of filters, and two kernel sizes."""
        narrow = tuple(max(1, width // 2) for width in self.filters)
        wide = tuple(2 * width for width in self.filters)
        return {"filters": Choice((narrow, self.filters, wide)), "kernel_size": Choice((3, 5))}


NetworkOptions = Annotated[
    DenseOptions | DeepOptions | ConvolutionalOptions, Field(discriminator="name")
]
