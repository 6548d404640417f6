"""Bounds within which a study may change an option."""

from dataclasses import dataclass

__all__ = ["Choice", "Range", "Space"]


@dataclass(frozen=True)
class Choice:
    """Is one of several options, in no order."""

    options: tuple


@dataclass(frozen=True)
class Range:
    """Is a number between two others, both included, on a logarithmic scale."""

    low: float
    high: float


Space = dict[str, Choice | Range]
"""By the name of an option, or by its place in a config, such as `train.learning_rate`."""
