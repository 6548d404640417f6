"""The bounds within which a study may change an option."""

from dataclasses import dataclass

__all__ = ["Choice", "Range", "Space"]


@dataclass(frozen=True)
class Choice:
    """Allows any one of the values in `options`, which have no order."""

    options: tuple


@dataclass(frozen=True)
class Range:
    """Allows a number from `low` to `high`, both included, drawn on a logarithmic scale."""

    low: float
    high: float


Space = dict[str, Choice | Range]
"""Maps the name of an option, or its path such as `train.learning_rate`, to its bounds."""
