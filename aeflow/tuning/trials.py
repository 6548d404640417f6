"""The stored record of one trial of a study."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Model

__all__ = ["Trial"]


class Trial(BaseModel):
    """Holds the values that one trial tried, its validation loss by epoch, and how it ended."""

    model_config = ConfigDict(frozen=True)

    number: int
    state: Literal["running", "complete", "pruned", "failed"] = "running"
    values: dict[str, Any]
    losses: dict[int, float] = {}
    loss: float | None = None
    reason: str = ""
    model: Model | None = None
