"""Aliases: names that point to one artifact at a time and keep the history of their entries."""

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
"""Attempts per change. A retry happens only if another writer changed the alias in between."""
LONGEST_PAUSE_SECONDS = 0.05

E = TypeVar("E", bound=BaseModel)


class Alias(BaseModel, Generic[E]):
    """Holds the current entry of an alias and the history of all its entries, newest last."""

    model_config = ConfigDict(frozen=True)

    version: int
    current: E
    history: tuple[E, ...]


def alias_file(dataset_name: str, alias: str) -> str:
    """Returns the name of an alias's file in a store, such as `aliases/mnist/champion.json`.

    Raises ConfigError if the name of the dataset or of the alias has characters that are not valid.
    """
    for part in (dataset_name, alias):
        if not PART.fullmatch(part):
            raise ConfigError(
                f"The name {part!r} cannot be part of an alias. Begin it with a letter or a digit, "
                "and continue with letters, digits, '_', '.' and '-'."
            )
    return f"{FOLDER}/{dataset_name}/{alias}.json"


def alias_owners(files: Files, alias: str) -> list[str]:
    """Lists the names of the datasets that have an alias named `alias`, sorted."""
    owners = files.folders(FOLDER)
    return [owner for owner in owners if files.exists(f"{FOLDER}/{owner}/{alias}.json")]


def read_alias(files: Files, name: str, entry_type: type[E]) -> Alias[E] | None:
    """Returns the alias in the file `name`, or None if there is no such file."""
    content = content_of(files, name)
    return None if content is None else _parse(content, name, entry_type)


def change_alias(
    files: Files,
    name: str,
    change: Callable[[Alias[E] | None], E],
    *,
    entry_type: type[E],
) -> Alias[E]:
    """Appends an entry to an alias and returns the new alias.

    `change` gets the current alias, or None if it was never set, and returns the entry. If this
    entry equals the current entry, nothing is written. If another writer changes the alias in
    between, `change` is called again with the new alias, so that no entry is lost. Raises
    TransientError if other writers are first in every attempt.
    """
    for _ in range(ATTEMPTS):
        old = content_of(files, name)
        alias = None if old is None else _parse(old, name, entry_type)
        entry = change(alias)
        if alias and entry == alias.current:
            return alias
        history = (*(alias.history if alias else ()), entry)
        new = Alias[entry_type](version=len(history), current=entry, history=history)
        content = new.model_dump_json(indent=2).encode() + b"\n"
        if files.create(name, content) if old is None else files.replace(name, old, content):
            return new
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    raise TransientError(
        f"Other writers changed the alias '{name}' first in {ATTEMPTS} attempts. Run it again."
    )


def _parse(content: bytes, name: str, entry_type: type[E]) -> Alias[E]:
    try:
        return Alias[entry_type].model_validate_json(content)
    except ValidationError as error:
        raise CorruptArtifact(
            f"The alias '{name}' cannot be read. Restore a copy of it, or delete it and set it "
            "again."
        ) from error
