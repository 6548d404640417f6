"""Aliases: names that move from one artifact to the next, and remember where they have been."""

import random
import re
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aeflow.errors import ConfigError, CorruptArtifact, TransientError
from aeflow.storage.protocol import Files, content_of

__all__ = ["Alias", "alias_file", "alias_owners", "change_alias", "read_alias"]

FOLDER = "aliases"
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ATTEMPTS = 100
"""How often a change is tried; a further time only because another writer was first."""
LONGEST_PAUSE_SECONDS = 0.05

E = TypeVar("E", bound=BaseModel)


class Alias(BaseModel, Generic[E]):
    """Holds what an alias says now, and all that it has said, newest last."""

    model_config = ConfigDict(frozen=True)

    version: int
    current: E
    history: tuple[E, ...]


def alias_file(dataset_name: str, alias: str) -> str:
    """Returns where in a store an alias lies. Raises ConfigError on what cannot be a name."""
    for part in (dataset_name, alias):
        if not PART.fullmatch(part):
            raise ConfigError(
                f"The name {part!r} cannot be part of an alias: such a name begins with a letter "
                "or a digit, and letters, digits, '_', '.' and '-' follow."
            )
    return f"{FOLDER}/{dataset_name}/{alias}.json"


def alias_owners(files: Files, alias: str) -> list[str]:
    """Lists the names of the datasets that have an alias of that name, sorted."""
    owners = files.folders(FOLDER)
    return [owner for owner in owners if files.exists(f"{FOLDER}/{owner}/{alias}.json")]


def read_alias(files: Files, name: str, entry_type: type[E]) -> Alias[E] | None:
    """Returns the alias in the file `name`, or None where it was never set."""
    content = content_of(files, name)
    return None if content is None else _parsed(content, name, entry_type)


def change_alias(
    files: Files,
    name: str,
    change: Callable[[Alias[E] | None], E],
    *,
    entry_type: type[E],
) -> Alias[E]:
    """Adds the entry that `change` makes of what stands; the entry that stands changes nothing.

    Where another writer is first, `change` is asked again with what that one wrote, so that no
    entry is lost. Raises TransientError where others are always first.
    """
    for _ in range(ATTEMPTS):
        old = content_of(files, name)
        standing = None if old is None else _parsed(old, name, entry_type)
        entry = change(standing)
        if standing and entry == standing.current:
            return standing
        history = (*(standing.history if standing else ()), entry)
        new = Alias[entry_type](version=len(history), current=entry, history=history)
        content = new.model_dump_json(indent=2).encode() + b"\n"
        if files.create(name, content) if old is None else files.replace(name, old, content):
            return new
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    raise TransientError(
        f"Others changed the alias '{name}' {ATTEMPTS} times while this run tried to. Run it again."
    )


def _parsed(content: bytes, name: str, entry_type: type[E]) -> Alias[E]:
    try:
        return Alias[entry_type].model_validate_json(content)
    except ValidationError as error:
        raise CorruptArtifact(
            f"The alias '{name}' cannot be read. Put a copy of it back, or delete it and set it "
            "anew."
        ) from error
