"""Configs from a preset, a TOML file and flags, each over the one before."""

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


def load_config(
    *,
    preset: str | None = None,
    path: str | Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> PipelineConfig:
    """Merges a preset, a TOML file and flags such as `{"train.epochs": 3}`; the later one wins.

    Raises ConfigError with one line: the field, the value, the rule.
    """
    sections: Sections = {}
    if preset is not None:
        sections = _merged(sections, _preset(preset))
    if path is not None:
        sections = _merged(sections, _toml(Path(path)))
    for address, value in (flags or {}).items():
        sections = _merged(sections, _nested(address, value))
    try:
        return PipelineConfig.model_validate(_named(sections))
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
        raise ConfigError(f"Cannot read the config file '{path}': {reason}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file '{path}' is not TOML: {error}.") from error


def _nested(address: str, value: Any) -> Sections:
    *sections, last = address.split(".")
    nested: Sections = {last: value}
    for section in reversed(sections):
        nested = {section: nested}
    return nested


def _merged(below: Sections, above: Sections) -> Sections:
    """Lays `above` over `below`; another `name` drops the options of the old one."""
    if "name" in above and above["name"] != below.get("name", above["name"]):
        return dict(above)
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both else value
    return merged


def _named(sections: Sections) -> Sections:
    """Names the default network and kind where only their options are given."""
    model = sections.get("model")
    if not isinstance(model, dict):
        return sections
    defaults = PipelineConfig().model
    choices = {"network": defaults.network.name, "kind": defaults.kind.name}
    named = {
        field: {"name": choices[field], **value}
        if field in choices and isinstance(value, dict)
        else value
        for field, value in model.items()
    }
    return {**sections, "model": named}


def _one_line(error: ValidationError) -> str:
    """Says the first thing that is wrong: field, value, rule, remedy."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    context = first.get("ctx", {})
    if first["type"] == "union_tag_invalid":
        field = where.removeprefix("model.")
        choices = str(context["expected_tags"]).replace("'", "")
        return f"Unknown {field} '{context['tag']}'. Choose one of: {choices}."
    if first["type"] == "extra_forbidden":
        return _unknown_field(first["loc"])
    return f"{where} = {first['input']!r} is not allowed: {first['msg']}."


def _unknown_field(location: tuple[int | str, ...]) -> str:
    *parents, field = (str(part) for part in location)
    known = list(_section(parents).model_fields)
    close = difflib.get_close_matches(field, known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Choose one of: {', '.join(known)}."
    return f"Unknown option '{field}' in {'.'.join(parents) or 'the config'}. {hint}"


def _section(parents: list[str]) -> type[Config]:
    """Finds the config class at a place; below a choice, the place ends in the member's name."""
    members = {
        member.model_fields["name"].default: member
        for choice in (NetworkOptions, KindOptions)
        for member in get_args(get_args(choice)[0])
    }
    if not parents:
        return PipelineConfig
    return members.get(parents[-1]) or type(getattr(PipelineConfig(), parents[0]))
