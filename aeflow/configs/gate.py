"""The rules that a model must pass before it may be promoted."""

from typing import Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["GateConfig"]


Rule = Literal[
    "beats_pca",
    "beats_champion",
    "finite",
    "golden",
    "dead_dimensions",
    "effective_rank",
    "probe_beats_pca",
    "probe_beats_champion",
    "knn_beats_pca",
    "knn_beats_champion",
]


class GateConfig(Config):
    """Selects the rules that a new model, the challenger, must pass, and sets the limits."""

    rules: tuple[Rule, ...] = Field(
        default=("beats_pca", "beats_champion", "finite", "golden", "dead_dimensions"),
        min_length=1,
        max_length=64,
    )
    """Rules that apply; a model must pass all of them."""
    max_ratio_to_pca: float = Field(default=1.0, gt=0, le=1000)
    """Largest mean squared error, as a multiple of PCA's with the same number of dimensions."""
    max_ratio_to_champion: float = Field(default=1.0, gt=0, le=1000)
    """Largest mean squared error, as a multiple of the champion's on the same rows."""
    max_dead_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share of latent dimensions that carry nothing; a collapsed posterior exceeds it."""
    min_rank_share: float = Field(default=0.1, ge=0, le=1)
    """Smallest effective rank of the latents, as a share of the number of latent dimensions."""
    max_points_lost: float = Field(default=0.0, ge=0, le=100)
    """Percentage points by which probe and 10-NN accuracy may lie below PCA's or the champion's."""
