"""The posting of pages to the server, and the Markdown of their content."""

import base64
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.runtime import flow_run

from aeflow.artifacts import Artifact
from aeflow.storage import Store
from flows.server.live import SERVER_TROUBLE

__all__ = ["cell", "json_file", "markdown_table", "number", "picture", "post", "slug"]

ABOUT = "about"
"""The field of a page's metadata with the address of the artifact that it shows."""
NUMBER = re.compile(r"[\d.,e+–-]+")

logger = logging.getLogger(__name__)


def post(
    create: Callable[..., Any],
    content: Any,
    *,
    key: str,
    about: Artifact | None = None,
    **more: str,
) -> None:
    """Posts a page with one of Prefect's functions. If the server is away, it logs a warning.

    With `about`, the page replaces the one that this flow run posted about the same artifact.
    """
    try:
        page_id = create(content, key=key, **more)
        if about:
            _replace_earlier(page_id, key=key, about=about.address)
    except SERVER_TROUBLE as error:
        logger.warning("the page %s was not shown: %s", key, error)


def _replace_earlier(page_id: UUID, *, key: str, about: str) -> None:
    """Notes what a page is about, and deletes the earlier pages of this run about the same."""
    pages = ArtifactFilter(
        key=ArtifactFilterKey(any_=[key]),
        flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(flow_run.id)]),
    )
    with get_client(sync_client=True) as client:
        for page in client.read_artifacts(artifact_filter=pages):
            if page.id != page_id and (page.metadata_ or {}).get(ABOUT) == about:
                client.delete_artifact(page.id)
        client.update_artifact(page_id, ArtifactUpdate(metadata_={ABOUT: about}))


def json_file(artifact: Artifact, store: str, name: str) -> tuple[dict, Path]:
    """Returns the content of a JSON file of an artifact, and the folder with all its files."""
    names = [entry.name for entry in Store(store).manifest(artifact.address).files]
    folder = Store(store).reading(artifact, names)
    return json.loads((folder / name).read_bytes()), folder


def markdown_table(table: list[dict[str, str]]) -> str:
    """Returns rows as a Markdown table, with numbers aligned to the right."""
    columns = list(table[0]) if table else []
    is_number = {c: all(NUMBER.fullmatch(row[c]) for row in table) for c in columns}
    rule = ["---:" if is_number[column] else "---" for column in columns]
    rows = [columns, rule, *(list(row.values()) for row in table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cell(value: object) -> str:
    """Returns a value as the text of a table cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | None):
        return number(value)
    return " ".join(str(value).split()).replace("|", "\\|")


def number(value: float | None) -> str:
    """Returns a number with four significant digits, or a dash for None."""
    return "–" if value is None else f"{value:.4g}"


def picture(content: bytes) -> str:
    """Returns a PNG as a `data:` URL."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def slug(name: str) -> str:
    """Returns a name as a part of a page key, with lowercase letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
