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
    """Minimises the mean squared reconstruction error and nothing else."""


class DenoisingOptions(Config):
    """Chooses the denoising autoencoder, which reconstructs clean input from noisy input."""

    name: Literal["denoising"] = "denoising"
    """Reconstructs clean input from noisy input."""
    noise_stddev: float = Field(default=0.3, gt=0, le=100)
    """Standard deviation of the Gaussian noise, in the model's input units (images in [0, 1])."""
    noise: Literal["gaussian", "masking", "salt_and_pepper", "affine"] = "gaussian"
    """Noise: added values, zeros, smallest or largest values, or moved and zoomed images."""
    noise_fraction: float = Field(default=0.25, gt=0, le=1)
    """Share of the values that masking and salt_and_pepper noise replace."""
    noise_shift: float = Field(default=0.075, gt=0, le=0.5)
    """Largest distance that affine noise moves an image, as a share of its height and width."""
    noise_zoom: float = Field(default=0.3, ge=0, le=1)
    """Affine noise scales an image's sides up or down by a factor of at most 1 + noise_zoom."""


class VariationalOptions(Config):
    """Chooses the variational autoencoder, which has a normal distribution as latent prior."""

    name: Literal["variational"] = "variational"
    """Learns a posterior for each example, close to a normal prior that can be sampled."""
    beta: float = Field(default=1.0, ge=0, le=1000)
    """Weight of the divergence from the prior; 1 gives the evidence lower bound."""
    warmup_fraction: float = Field(default=0.1, ge=0, le=1)
    """Share of all training steps in which beta rises from 0."""
    free_bits: float = Field(default=0.0, ge=0, le=100)
    """Divergence in nats up to which a latent dimension is not penalised."""


class SparseOptions(Config):
    """Chooses the sparse autoencoder: few latent dimensions are active at a time."""

    name: Literal["sparse"] = "sparse"
    """Learns latents in which few dimensions are active at a time."""
    penalty: Literal["l1", "kl"] = "l1"
    """l1: latents that are large for their spread; kl: mean sigmoid activities unlike rho."""
    weight: float = Field(default=0.1, ge=0, le=1000)
    """Weight of the penalty."""
    rho: float = Field(default=0.2, gt=0, lt=1)
    """Target mean activity of each latent dimension, for the penalty kl."""


class ContractiveOptions(Config):
    """Chooses the contractive autoencoder: latents change little when the input changes."""

    name: Literal["contractive"] = "contractive"
    """Learns latents that change little when the input changes."""
    weight: float = Field(default=0.1, ge=0, le=1000)
    """Weight of the squared norm of the encoder's Jacobian, relative to the latents' variance."""


class VqOptions(Config):
    """Chooses the vector-quantised autoencoder: latents are made of codebook entries."""

    name: Literal["vq"] = "vq"
    """Builds latents from the entries of learned codebooks."""
    num_codes: int = Field(default=256, ge=2, le=65536)
    """Entries of each codebook; a latent is cut into parts, and each part has a codebook."""
    code_dim: int = Field(default=2, ge=1, le=65536)
    """Dimensions of one part; the largest divisor of latent_dim up to code_dim is used."""
    commitment: float = Field(default=0.25, ge=0, le=1000)
    """Weight of the distance between the encoder's output and the entry nearest to it."""
    decay: float = Field(default=0.99, ge=0, lt=1)
    """Share of the codebook's moving averages that each step keeps."""

    def tuned(self) -> Space:
        """Returns the sizes of codebooks and of their entries.

        `aeflow.tuning.spaces` says why penalty weights are not tuned.
        """
        return {"num_codes": Choice((64, 128, 256, 512)), "code_dim": Choice((1, 2, 4, 8))}


class WaeOptions(Config):
    """Chooses the Wasserstein autoencoder: the latents of all examples together follow a prior."""

    name: Literal["wae"] = "wae"
    """Penalises the maximum mean discrepancy of the latents from samples of a normal prior."""
    weight: float = Field(default=10.0, ge=0, le=100_000)
    """Weight of the maximum mean discrepancy."""


class RaeOptions(Config):
    """Chooses the regularised autoencoder: no noise, small latents, a smooth decoder."""

    name: Literal["rae"] = "rae"
    """Keeps latents and decoder weights small; samples a normal distribution fitted to latents."""
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
