"""What a model must do before it may be promoted."""

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
    """Says which rules a challenger must pass, and their numbers."""

    rules: tuple[Rule, ...] = Field(
        default=("beats_pca", "beats_champion", "finite", "golden", "dead_dimensions"),
        min_length=1,
        max_length=64,
    )
    """Rules that apply; all must pass."""
    max_ratio_to_pca: float = Field(default=1.0, gt=0, le=1000)
    """Mean squared error that is allowed, as a multiple of PCA's at the same latent size."""
    max_ratio_to_champion: float = Field(default=1.0, gt=0, le=1000)
    """Mean squared error that is allowed, as a multiple of the champion's on the same rows."""
    max_dead_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the latent's dimensions that may carry nothing; a collapsed posterior has more."""
    min_rank_share: float = Field(default=0.1, ge=0, le=1)
    """Effective rank of the latents that is asked for, as a share of their dimensions."""
    max_points_lost: float = Field(default=0.0, ge=0, le=100)
    """Percentage points of accuracy that probe and nearest neighbours may lose to a rival."""
