"""The options of each kind of autoencoder."""

from typing import Annotated, Literal

from pydantic import Field

from aeflow.configs.bounds import Choice, Space
from aeflow.configs.config import Config

__all__ = [
    "ContractiveOptions",
    "DenoisingOptions",
    "KindOptions",
    "PlainOptions",
    "RaeOptions",
    "SparseOptions",
    "VariationalOptions",
    "VqOptions",
    "WaeOptions",
]


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
    noise: Literal["gaussian", "masking", "salt_and_pepper", "affine"] = "gaussian"
    """Added to all numbers, or some are set to 0, or to the extremes, or images move and zoom."""
    noise_fraction: float = Field(default=0.25, gt=0, le=1)
    """Share of the numbers that masking and salt and pepper replace."""
    noise_shift: float = Field(default=0.075, gt=0, le=0.5)
    """Share of its height and width by which affine noise moves an image at most."""
    noise_zoom: float = Field(default=0.3, ge=0, le=1)
    """Affine noise makes an image 1 + this higher and wider at most, or as much smaller."""


class VariationalOptions(Config):
    """Chooses the variational autoencoder, whose latents have a normal distribution as prior."""

    name: Literal["variational"] = "variational"
    """A posterior for each example, close to a normal prior from which one can sample."""
    beta: float = Field(default=1.0, ge=0, le=1000)
    """Weight of the divergence from the prior; 1 is the evidence lower bound."""
    warmup_fraction: float = Field(default=0.1, ge=0, le=1)
    """Share of all steps in which beta rises from 0."""
    free_bits: float = Field(default=0.0, ge=0, le=100)
    """Divergence that each number of the latent has for nothing, in nats."""


class SparseOptions(Config):
    """Chooses the sparse autoencoder, in whose latents few numbers are active at a time."""

    name: Literal["sparse"] = "sparse"
    """Latents in which few numbers are active at a time."""
    penalty: Literal["l1", "kl"] = "l1"
    """Size of the latents against their spread, or mean activity of sigmoid units against rho."""
    weight: float = Field(default=0.1, ge=0, le=1000)
    """Weight of the penalty."""
    rho: float = Field(default=0.2, gt=0, lt=1)
    """Mean activity that each number shall have, with the penalty kl."""


class ContractiveOptions(Config):
    """Chooses the contractive autoencoder, whose latents change little when the input does."""

    name: Literal["contractive"] = "contractive"
    """Latents that change little when the input does."""
    weight: float = Field(default=0.1, ge=0, le=1000)
    """Weight of the squared norm of the encoder's Jacobian, relative to the latents' variance."""


class VqOptions(Config):
    """Chooses the vector-quantised autoencoder, whose latents are entries of a codebook."""

    name: Literal["vq"] = "vq"
    """Latents made of entries of a learned codebook."""
    num_codes: int = Field(default=256, ge=2, le=65536)
    """Entries of each codebook; a latent has several parts, and each part a codebook."""
    code_dim: int = Field(default=2, ge=1, le=65536)
    """Numbers in one part; the largest divisor of latent_dim up to this."""
    commitment: float = Field(default=0.25, ge=0, le=1000)
    """Weight of the distance between what the encoder emits and the entry nearest to it."""
    decay: float = Field(default=0.99, ge=0, lt=1)
    """How much of the codebook's moving averages each step keeps."""

    def tuned(self) -> Space:
        """Returns sizes of codebooks; weights of penalties stay, as `aeflow.tuning` says."""
        return {"num_codes": Choice((64, 128, 256, 512)), "code_dim": Choice((1, 2, 4, 8))}


class WaeOptions(Config):
    """Chooses the Wasserstein autoencoder, whose latents together are distributed as a prior."""

    name: Literal["wae"] = "wae"
    """Latents that together are distributed normally, by maximum mean discrepancy."""
    weight: float = Field(default=10.0, ge=0, le=100_000)
    """Weight of the discrepancy."""


class RaeOptions(Config):
    """Chooses the regularised autoencoder: no noise, small latents, a smooth decoder."""

    name: Literal["rae"] = "rae"
    """Small latents and a decoder with small weights; samples from a normal fit of the latents."""
    weight: float = Field(default=0.01, ge=0, le=1000)
    """Weight of half the mean square of the latents."""
    decoder_weight: float = Field(default=0.01, ge=0, le=1000)
    """Weight of the squares of the decoder's kernels."""


KindOptions = Annotated[
    PlainOptions
    | DenoisingOptions
    | VariationalOptions
    | SparseOptions
    | ContractiveOptions
    | VqOptions
    | WaeOptions
    | RaeOptions,
    Field(discriminator="name"),
]
