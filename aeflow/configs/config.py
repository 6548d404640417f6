"""The base class of all configs. Only options that differ from their defaults are hashed."""

import re
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from aeflow.configs.bounds import Space

__all__ = ["NOT_HASHED", "Config", "members_of"]

NOT_HASHED: dict[str, Any] = {"hashed": False}
"""Marks a field that does not change the answer, such as a path. The field is not hashed."""


def _for_a_form(schema: dict[str, Any], _config: type[BaseModel]) -> None:
    """Adds each field's position and bounds to a JSON schema, because forms do not show them."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position  # Prefect's database does not keep the order of fields
        numbers = [field, *field.get("anyOf", ()), field.get("items", {})]
        sentences = [field.get("description", ""), *filter(None, map(_bounds, numbers))]
        field["description"] = " ".join(sentences)


def _bounds(number: dict[str, Any]) -> str:
    wordings = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    phrases = [
        f"{wording} {number[name]:,}".removesuffix(".0")
        for name, wording in wordings.items()
        if name in number
    ]
    return f"{', '.join(phrases).capitalize()}." if phrases else ""


class Config(BaseModel):
    """Refuses changes and unknown fields. The text below a field is the field's description."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra=_for_a_form,
        model_title_generator=lambda config: re.sub("(Config|Options)$", "", config.__name__),
    )

    def tuned(self) -> Space:
        """Returns the options that a study may change, with their bounds; none by default."""
        return {}

    def hashed(self) -> dict[str, Any]:
        """Returns the fields that are hashed: those that differ from the default, and `name`.

        Defaults are left out, so that a new field with a default changes no key. Fields marked with
        NOT_HASHED are left out, too. `name` stays, because it says to which network or kind the
        other fields belong.
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


def members_of(field: FieldInfo) -> list[type[Config]]:
    """Returns the config classes that a field allows, or [] if the field holds a plain value."""
    return [each for each in get_args(field.annotation) if hasattr(each, "model_fields")]
