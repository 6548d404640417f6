"""Loads configs from a preset, a TOML file and flags, each of which overrides those before it."""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from aeflow.configs.config import Config
from aeflow.configs.model import KindOptions, NetworkOptions
from aeflow.configs.pipeline import PipelineConfig
from aeflow.errors import ConfigError

__all__ = ["load_config", "presets"]

Sections = dict[str, Any]
CHOICES = {"network": "dense", "kind": "plain"}
"""The options of `model` that choose by `name`, each with the name that is used if none is set."""


def load_config(
    *,
    preset: str | None = None,
    path: str | Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> PipelineConfig:
    """Merges a preset, a TOML file and flags such as `{"train.epochs": 3}`; later ones win.

    Raises ConfigError with a message of one line: the field, the value and the rule.
    """
    sections: Sections = {}
    if preset is not None:
        sections = _merged(sections, _preset(preset))
    if path is not None:
        sections = _merged(sections, _toml(Path(path)))
    if flags:
        sections = _merged(sections, _nested(flags))
    try:
        return PipelineConfig.model_validate(sections)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from error


def presets() -> list[str]:
    """Lists the names of the presets in the package."""
    folder = resources.files("aeflow") / "presets"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def _preset(name: str) -> Sections:
    if name not in presets():
        raise ConfigError(f"Unknown preset '{name}'. Choose one of: {', '.join(presets())}.")
    text = (resources.files("aeflow") / "presets" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _toml(path: Path) -> Sections:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"Cannot read the config file '{path}': {reason}. Give a TOML file that can be read."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The config file '{path}' is not TOML: {error}. Correct it, or begin with the output "
            "of `aeflow config`."
        ) from error


def _nested(flags: Mapping[str, Any]) -> Sections:
    nested: Sections = {}
    for address, value in flags.items():
        *parents, last = address.split(".")
        section = nested
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return nested


def _merged(below: Sections, above: Sections) -> Sections:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key, {})
        if not isinstance(old, dict) or not isinstance(value, dict):
            merged[key] = value
        elif key in CHOICES:
            merged[key] = _merged_choice(CHOICES[key], old, value)
        else:
            merged[key] = _merged(old, value)
    return merged


def _merged_choice(default: str, below: Sections, above: Sections) -> Sections:
    """Merges options of a network or a kind. If `above` names another one, `below` is dropped."""
    name = below.get("name", default)
    if above.get("name", name) != name:
        return dict(above)
    return {"name": name, **below, **above}


def _one_line(error: ValidationError) -> str:
    """Describes the first error in one line: field, value, rule, remedy."""
    first = error.errors(include_url=False)[0]
    place = _address(first["loc"])
    context = first.get("ctx", {})
    if first["type"] == "union_tag_invalid":
        field = place.removeprefix("model.")
        choices = str(context["expected_tags"]).replace("'", "")
        return f"Unknown {field} '{context['tag']}'. Choose one of: {choices}."
    if first["type"] == "extra_forbidden":
        return _unknown_field(first["loc"])
    if first["type"] in ("model_type", "model_attributes_type"):
        return (
            f"{place} = {first['input']!r} is not allowed: {place} is a section, not a value. "
            "Set its options instead."
        )
    return f"{place} = {first['input']!r} is not allowed: {first['msg']}."


def _address(location: tuple[int | str, ...]) -> str:
    """Returns a path as users write it: `model.kind.x` for `model.kind.plain.x` of Pydantic."""
    is_choice = len(location) > 2 and location[1] in CHOICES
    parts = (*location[:2], *location[3:]) if is_choice else location
    return ".".join(str(part) for part in parts)


def _unknown_field(location: tuple[int | str, ...]) -> str:
    *parents, field = (str(part) for part in location)
    field_names = list(_section(parents).model_fields)
    close = difflib.get_close_matches(field, field_names, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Choose one of: {', '.join(field_names)}."
    return f"Unknown option '{field}' in {'.'.join(parents) or 'the config'}. {hint}"


def _section(parents: list[str]) -> type[Config]:
    """Returns the config class at a path. The path of a network or a kind ends in its name."""
    members = {
        member.model_fields["name"].default: member
        for choice in (NetworkOptions, KindOptions)
        for member in get_args(get_args(choice)[0])
    }
    if not parents:
        return PipelineConfig
    return members.get(parents[-1]) or type(getattr(PipelineConfig(), parents[0]))
