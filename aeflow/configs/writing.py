"""Writes configs as TOML, which `load_config` reads back."""

import json
from typing import Any

from aeflow.configs.config import Config
from aeflow.configs.pipeline import PipelineConfig

__all__ = ["to_toml"]

WHOLE = ("model", "train")
"""Sections written with their defaults, so that a file means the same if the defaults change."""


def to_toml(config: PipelineConfig) -> str:
    """Returns a config as TOML: `model` and `train` in full, other sections without defaults."""
    tables = []
    for name in type(config).model_fields:
        section: Config = getattr(config, name)
        fields = section.model_dump(mode="json")
        if name not in WHOLE:
            defaults = type(section)().model_dump(mode="json")
            fields = {key: value for key, value in fields.items() if value != defaults[key]}
        tables += _tables(name, fields)
    return "\n".join(tables)


def _tables(name: str, fields: dict[str, Any]) -> list[str]:
    inner = {key: value for key, value in fields.items() if isinstance(value, dict)}
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
        for key, value in fields.items()
        if key not in inner and value is not None
    ]
    own = [f"[{name}]\n{''.join(lines)}"] if lines else []
    return [*own, *(t for key, value in inner.items() for t in _tables(f"{name}.{key}", value))]
