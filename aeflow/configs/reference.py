"""Every option of the configs with its default, bounds and description: as TOML and as Markdown."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aeflow.configs.config import Config, members_of
from aeflow.configs.pipeline import PipelineConfig

__all__ = ["Option", "Section", "as_markdown", "as_toml", "sections"]


@dataclass(frozen=True)
class Option:
    """Describes one option. `default` is None if the option is unset by default."""

    name: str
    default: Any
    description: str
    choices: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The description with the values that may be chosen."""
        choices = f" One of: {', '.join(self.choices)}." if self.choices else ""
        return f"{self.description}{choices}"


@dataclass(frozen=True)
class Section:
    """Describes a table of a TOML file: its name, what it is for, and its options.

    The table `model.network` has a section for each network, and `model.kind` has a section for
    each kind. In these sections, `choice` is the name of the network or kind, and `is_default` says
    whether this is the default.
    """

    name: str
    description: str
    options: tuple[Option, ...]
    choice: str | None = None
    is_default: bool = True

    @property
    def title(self) -> str:
        """The section's header. For a network or a kind, it includes the name."""
        return f'[{self.name}] name = "{self.choice}"' if self.choice else f"[{self.name}]"


def sections() -> Iterator[Section]:
    """Yields the sections in the order of a TOML file. Each network and each kind has a section."""
    properties = PipelineConfig.model_json_schema()["properties"]
    for name, field in PipelineConfig.model_fields.items():
        yield from _sections_of(name, field.default, properties[name]["description"])


def _sections_of(name: str, config: Config, description: str) -> Iterator[Section]:
    schema = type(config).model_json_schema()["properties"]
    fields = type(config).model_fields
    nested = {key: field for key, field in schema.items() if members_of(fields[key])}
    options = tuple(_option(key, field) for key, field in schema.items() if key not in nested)
    yield Section(name, description, options)
    for key, field in nested.items():
        for member in members_of(fields[key]):
            properties = member.model_json_schema()["properties"]
            yield Section(
                f"{name}.{key}",
                f"{field['description']} {properties['name']['description']}",
                tuple(_option(*item) for item in properties.items() if item[0] != "name"),
                properties["name"]["default"],
                type(getattr(config, key)) is member,
            )


def _option(name: str, field: dict[str, Any]) -> Option:
    values = [value for part in (field, *field.get("anyOf", ())) for value in part.get("enum", ())]
    values += field.get("items", {}).get("enum", ())
    return Option(name, field.get("default"), field["description"], tuple(map(str, values)))


def as_toml() -> str:
    """Returns the defaults as TOML with a comment for each option; `load_config` reads it.

    Options that are unset by default, and choices that are not the default, are commented out by
    a `#` without a space after it.
    """
    return "\n".join(_toml_of(section) for section in sections())


def _toml_of(section: Section) -> str:
    mark = "" if section.is_default else "#"
    lines = [f"# {section.description}", f"{mark}[{section.name}]"]
    if section.choice:
        lines.append(f'{mark}name = "{section.choice}"')
    for option in section.options:
        lines.append(f"# {option.sentence}")
        if option.default is None:
            lines.append(f"#{option.name} =")
        else:
            lines.append(f"{mark}{option.name} = {_text(option.default)}")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Returns a page with a table for each section."""
    return "\n".join([INTRODUCTION, *(_table_of(section) for section in sections())])


INTRODUCTION = """# Reference: every option

`aeflow config --markdown` writes this page, and `aeflow config` prints the same as a TOML file. An
option of the command line overrides the file, and the file overrides the preset.
"""


def _table_of(section: Section) -> str:
    lines = [f"## {section.title}", "", section.description, ""]
    if section.options:
        lines += ["| option | default | what it does |", "|---|---|---|"]
    for option in section.options:
        default = "unset" if option.default is None else f"`{_text(option.default)}`"
        sentence = option.sentence.replace("|", "\\|")
        lines.append(f"| `{option.name}` | {default} | {sentence} |")
    return "\n".join([*lines, ""] if section.options else lines)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
