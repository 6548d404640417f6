"""What a study may change in a config, within which bounds; the given config is always inside.

The weights of penalties and the strength of noise stay as they are: with less of them every loss
is smaller, so a loss cannot say how much of them is wanted.
"""

from dataclasses import dataclass
from typing import Any

from aeflow.configs import (
    ConvolutionalOptions,
    DeepOptions,
    DenseOptions,
    PipelineConfig,
    VqOptions,
)

__all__ = ["Choice", "Range", "Space", "space_of", "values_of", "with_values"]


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
"""By the place in the config, such as `train.learning_rate`."""

TRAINING: Space = {
    "train.learning_rate": Range(1e-3, 5e-2),
    "train.batch_size": Choice((64, 128, 256, 512)),
    "train.optimizer": Choice(("adam", "adamw", "muon")),
    "train.schedule": Choice(("cosine", "one_cycle")),
}
WIDTHS = ((128,), (256,), (512,), (256, 256), (512, 256), (512, 512), (256, 256, 256))


def space_of(config: PipelineConfig) -> Space:
    """Returns what a study of this config may change."""
    space = {**TRAINING, **_of_network(config), **_of_kind(config)}
    if config.tune.latent_dims:
        space["model.latent_dim"] = Choice(config.tune.latent_dims)
    return {place: _around(_at(config, place), bounds) for place, bounds in space.items()}


def values_of(config: PipelineConfig, space: Space) -> dict[str, Any]:
    """Returns what the config has in the places of a space."""
    return {place: _at(config, place) for place in space}


def with_values(config: PipelineConfig, values: dict[str, Any]) -> PipelineConfig:
    """Returns the config with other values in those places."""
    sections = config.model_dump()
    for place, value in values.items():
        *parents, last = place.split(".")
        section = sections
        for parent in parents:
            section = section[parent]
        section[last] = value
    return PipelineConfig.model_validate(sections)


def _of_network(config: PipelineConfig) -> Space:
    match config.model.network:
        case DenseOptions():
            return {"model.network.hidden_units": Range(32, 1024)}
        case DeepOptions():
            return {
                "model.network.hidden_layers": Choice(WIDTHS),
                "model.network.normalisation": Choice(("layer", "batch", "none")),
            }
        case ConvolutionalOptions(filters=filters):
            narrow = tuple(max(1, width // 2) for width in filters)
            wide = tuple(2 * width for width in filters)
            return {
                "model.network.filters": Choice((narrow, filters, wide)),
                "model.network.kernel_size": Choice((3, 5)),
            }
    return {}


def _of_kind(config: PipelineConfig) -> Space:
    if isinstance(config.model.kind, VqOptions):
        return {
            "model.kind.num_codes": Choice((64, 128, 256, 512)),
            "model.kind.code_dim": Choice((1, 2, 4, 8)),
        }
    return {}


def _at(config: PipelineConfig, place: str) -> Any:
    value: Any = config
    for part in place.split("."):
        value = getattr(value, part)
    return value


def _around(value: Any, bounds: Choice | Range) -> Choice | Range:
    if isinstance(bounds, Range):
        return Range(min(bounds.low, value), max(bounds.high, value))
    return bounds if value in bounds.options else Choice((*bounds.options, value))
