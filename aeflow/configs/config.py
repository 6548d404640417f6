"""What all configs share: frozen, closed, and hashed by what differs from the defaults."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from aeflow.configs.bounds import Space

__all__ = ["NOT_HASHED", "Config"]

NOT_HASHED: dict[str, Any] = {"hashed": False}
"""Marks a field that says where things are, not what the answer is."""


def _for_a_form(schema: dict[str, Any], _config: type[BaseModel]) -> None:
    """Writes into each field what a form would not show: where it stands, and its bounds."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position  # a database keeps no order
        numbers = [field, *field.get("anyOf", ()), field.get("items", {})]
        told = [field.get("description", ""), *filter(None, map(_bounds, numbers))]
        field["description"] = " ".join(told)


def _bounds(number: dict[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    told = [
        f"{said} {number[name]:,}".removesuffix(".0")
        for name, said in words.items()
        if name in number
    ]
    return f"{', '.join(told).capitalize()}." if told else ""


class Config(BaseModel):
    """Is a frozen model without unknown fields; the docstring of a field is its description."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra=_for_a_form,
        model_title_generator=lambda config: re.sub("(Config|Options)$", "", config.__name__),
    )

    def tuned(self) -> Space:
        """Returns what a study may change in it; nothing unless a config says otherwise."""
        return {}

    def hashed(self) -> dict[str, Any]:
        """Returns what changes the answer: fields that differ from their defaults, and `name`.

        Defaults are left out, so that a new field with a default re-keys nothing; a `name` stays,
        because it says which member of a choice the other fields belong to.
        """
        fields = {}
        for name, field in type(self).model_fields.items():
            value = _plain(getattr(self, name))
            default = _plain(field.get_default(call_default_factory=True))
            extra = field.json_schema_extra
            counts = not (isinstance(extra, dict) and extra.get("hashed") is False)
            if counts and (name == "name" or value != default):
                fields[name] = value
        return fields


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.hashed()
    return [_plain(member) for member in value] if isinstance(value, tuple) else value
