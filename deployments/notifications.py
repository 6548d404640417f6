"""The webhook that is called when a run failed, crashed or was refused by the gate."""

import os
from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from aeflow.errors import ConfigError

__all__ = ["VARIABLE", "address", "apply_webhook", "remove_webhook"]

VARIABLE = "AEFLOW_NOTIFY_URL"
BLOCK = "aeflow-notify"
KIND = "webhook"
HEADERS = {"Content-Type": "application/json"}


def address(kept: str | None = None) -> str | None:
    """Returns the URL in AEFLOW_NOTIFY_URL, or else the one that the service keeps, if any.

    Raises ConfigError if its value is not an HTTP URL. No message repeats the value, because it may
    contain a token.
    """
    url = os.environ.get(VARIABLE) or kept
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"The value of {VARIABLE} is not an HTTP URL (not shown, as it may contain a token). "
            "Set it to a URL that begins with http:// or https://."
        )
    return url


async def apply_webhook(client: PrefectClient, url: str) -> tuple[UUID, list[str]]:
    """Creates or updates the block that stores the URL; returns the block's id and the changes."""
    block = await _block(client)
    if block and (block.data.get("url"), block.data.get("headers")) == (url, HEADERS):
        return block.id, []
    webhook = Webhook.model_validate({"url": url, "headers": HEADERS})
    block_id = await webhook.asave(BLOCK, overwrite=True, client=client)
    return block_id, [f"webhook '{BLOCK}': {'changed' if block else 'created'}"]


async def remove_webhook(client: PrefectClient) -> list[str]:
    """Removes the block that stores the URL if it exists; returns the changes."""
    block = await _block(client)
    if block is None:
        return []
    await client.delete_block_document(block.id)
    return [f"webhook '{BLOCK}': removed"]


async def _block(client: PrefectClient) -> BlockDocument | None:
    try:
        return await client.read_block_document_by_name(BLOCK, KIND, include_secrets=True)
    except ObjectNotFound:
        return None
