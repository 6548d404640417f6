"""How a page comes to the server, and the Markdown that it is made of."""

import base64
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeflow.artifacts import Artifact
from aeflow.storage import Store
from flows.server.live import SERVER_TROUBLE

__all__ = ["cell", "markdown_table", "measured", "number", "picture", "post", "slug"]

NUMBER = re.compile(r"[\d.,e+–-]+")

logger = logging.getLogger(__name__)


def post(create: Callable[..., Any], content: Any, *, key: str, **more: str) -> None:
    """Makes a page with one of Prefect's functions; a server that is away stops nothing."""
    try:
        create(content, key=key, **more)
    except SERVER_TROUBLE as error:
        logger.warning("the page %s was not shown: %s", key, error)


def measured(artifact: Artifact, store: str, name: str) -> tuple[dict, Path]:
    """Returns what stands in one of an artifact's JSON files, and the folder with all of them."""
    names = [entry.name for entry in Store(store).manifest(artifact.address).files]
    folder = Store(store).reading(artifact, names)
    return json.loads((folder / name).read_bytes()), folder


def markdown_table(table: list[dict[str, str]]) -> str:
    """Returns rows as a Markdown table, numbers to the right."""
    columns = list(table[0]) if table else []
    is_number = {c: all(NUMBER.fullmatch(row[c]) for row in table) for c in columns}
    rule = ["---:" if is_number[column] else "---" for column in columns]
    rows = [columns, rule, *(list(row.values()) for row in table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cell(value: object) -> str:
    """Writes a value as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | None):
        return number(value)
    return " ".join(str(value).split()).replace("|", "\\|")


def number(value: float | None) -> str:
    """Writes four digits of a number, and a dash where there is none."""
    return "–" if value is None else f"{value:.4g}"


def picture(content: bytes) -> str:
    """Returns a PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def slug(name: str) -> str:
    """Returns a name as part of a key: Prefect's have lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
