"""The options that a study may change, with bounds that include the values of the initial config.

The weights of penalties and the strength of noise are not changed. Lower weights and weaker noise
make every loss smaller, so the loss cannot show which values are best.
"""

from typing import Any

from aeflow.configs import PipelineConfig
from aeflow.configs.bounds import Choice, Range, Space
from aeflow.configs.config import Config

__all__ = ["space_of", "values_of", "with_values"]

TRAINING: Space = {
    "train.learning_rate": Range(1e-3, 5e-2),
    "train.batch_size": Choice((64, 128, 256, 512)),
    "train.optimizer": Choice(("adam", "adamw", "muon")),
    "train.schedule": Choice(("cosine", "one_cycle")),
}


def space_of(config: PipelineConfig) -> Space:
    """Returns the options that a study of this config may change, with their bounds."""
    space = TRAINING.copy()
    for part in ("network", "kind"):
        options: Config = getattr(config.model, part)
        space |= {f"model.{part}.{name}": bounds for name, bounds in options.tuned().items()}
    if config.tune.latent_dims:
        space["model.latent_dim"] = Choice(config.tune.latent_dims)
    return {place: _widened(_at(config, place), bounds) for place, bounds in space.items()}


def values_of(config: PipelineConfig, space: Space) -> dict[str, Any]:
    """Returns the values that the config has for the options of a space."""
    return {place: _at(config, place) for place in space}


def with_values(config: PipelineConfig, values: dict[str, Any]) -> PipelineConfig:
    """Returns the config with new values of options, such as {"train.batch_size": 128}."""
    sections = config.model_dump()
    for place, value in values.items():
        *parents, last = place.split(".")
        section = sections
        for parent in parents:
            section = section[parent]
        section[last] = value
    return PipelineConfig.model_validate(sections)


def _at(config: PipelineConfig, place: str) -> Any:
    value: Any = config
    for part in place.split("."):
        value = getattr(value, part)
    return value


def _widened(value: Any, bounds: Choice | Range) -> Choice | Range:
    if isinstance(bounds, Range):
        return Range(min(bounds.low, value), max(bounds.high, value))
    return bounds if value in bounds.options else Choice((*bounds.options, value))
