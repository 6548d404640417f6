"""What a model must do before it may be promoted."""

from typing import Literal

from pydantic import Field

from aeflow.configs.config import Config

__all__ = ["GateConfig"]


class GateConfig(Config):
    """Says which rules a challenger must pass, and their numbers."""

    rules: tuple[Literal["beats_pca", "beats_champion", "finite", "golden"], ...] = Field(
        default=("beats_pca", "beats_champion", "finite", "golden"), min_length=1, max_length=64
    )
    """Rules that apply; all must pass."""
    max_ratio_to_pca: float = Field(default=1.0, gt=0, le=1000)
    """Mean squared error that is allowed, as a multiple of PCA's at the same latent size."""
    max_ratio_to_champion: float = Field(default=1.0, gt=0, le=1000)
    """Mean squared error that is allowed, as a multiple of the champion's on the same rows."""
