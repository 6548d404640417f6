"""How better options than the defaults are searched for."""

from typing import Annotated

from pydantic import Field

from aeflow.configs.config import NOT_HASHED, Config

__all__ = ["TuneConfig"]


class TuneConfig(Config):
    """Says how long a study goes on, and what it may change beside network and training."""

    trials: int = Field(default=20, ge=1, le=10_000, json_schema_extra=NOT_HASHED)
    """Trials of the study, those counted that it has already; the first is the config as it is."""
    timeout_seconds: float | None = Field(
        default=None, gt=0, le=31_536_000, json_schema_extra=NOT_HASHED
    )
    """Seconds after which no trial goes on; the best of those that are finished is taken."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the proposals."""
    latent_dims: tuple[Annotated[int, Field(ge=1, le=65536)], ...] | None = Field(
        default=None, min_length=1, examples=[[16, 32, 64]]
    )
    """Sizes of the latent that are tried; model.latent_dim alone where they are not given."""
