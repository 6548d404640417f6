"""The options of a study, which searches for better options than the defaults."""

from typing import Annotated

from pydantic import Field

from aeflow.configs.config import NOT_HASHED, Config

__all__ = ["TuneConfig"]


class TuneConfig(Config):
    """Sets how long a study runs, and which numbers of latent dimensions it tries."""

    trials: int = Field(default=20, ge=1, le=10_000, json_schema_extra=NOT_HASHED)
    """Trials of the study, including earlier ones; the first trial is the unchanged config."""
    timeout_seconds: float | None = Field(
        default=None, gt=0, le=31_536_000, json_schema_extra=NOT_HASHED
    )
    """Seconds after which no trial continues; the best finished trial is taken."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the proposed values."""
    latent_dims: tuple[Annotated[int, Field(ge=1, le=65536)], ...] | None = Field(
        default=None, min_length=1, examples=[[16, 32, 64]]
    )
    """Numbers of latent dimensions to try; if not set, only model.latent_dim."""
