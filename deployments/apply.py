"""Applies pools, deployments and automations to a Prefect server: `python -m deployments.apply`.

It prints the differences of the deployments before it changes anything. If everything is up to
date, it changes nothing. What people edited on the server stays: see deployments/changes.py.
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client

from aeflow.errors import AeflowError, ConfigError
from deployments.automations import apply_automations
from deployments.catalog import Deployment, catalog
from deployments.changes import apply_change, check, planned, retire, retirements
from deployments.notifications import address
from deployments.pools import POOLS, apply_pool, template_of
from flows.recipes.stored import absolute

__all__ = ["apply", "main"]

logger = logging.getLogger(__name__)


def main() -> int:
    """Applies everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--templates",
        type=Path,
        help="Folder with base job templates, <pool>.<type>.json. Without it, runs are processes.",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="Undo edits on the server, if the same deployment has changed here.",
    )
    # `force`, because Prefect has already set up the root logger, for a server's log.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        arguments = parser.parse_args()
        apply(arguments.templates, overwrite=arguments.overwrite)
    except (AeflowError, httpx.HTTPError) as error:
        logger.error("deployments: %s", error)
        return 1
    return 0


def apply(templates: Path | None = None, *, overwrite: bool = False) -> None:
    """Creates or updates the pools, deployments and automations.

    Raises ConfigError if AEFLOW_STORE is not set, a setting is invalid, or a deployment was changed
    here and edited on the server. With `overwrite`, that edit is undone.
    """
    store = os.environ.get("AEFLOW_STORE")
    if not store:
        raise ConfigError("AEFLOW_STORE is not set. Set it to the store that all deployments use.")
    notify = address()
    asyncio.run(_apply(catalog(absolute(store)), templates, notify, overwrite=overwrite))


async def _apply(
    deployments: list[Deployment],
    templates: Path | None,
    notify: str | None,
    *,
    overwrite: bool,
) -> None:
    async with get_client() as client:
        changes = await planned(client, deployments)
        retired = await retirements(client, changes)
        lines = [line for change in changes for line in change.lines()]
        _report(lines + [one.line() for one in retired], "deployments")
        if not overwrite:
            check(changes)
        pools = [
            line
            for pool in POOLS
            for line in await apply_pool(client, pool, template_of(pool, templates))
        ]
        _report(pools, "work pools")
        for change in changes:
            await apply_change(client, change)
        for one in retired:
            await retire(client, one)
        _report(await apply_automations(client, notify), "automations")


def _report(lines: list[str], subject: str) -> None:
    for line in lines or [f"{subject}: nothing to change"]:
        logger.info(line)


if __name__ == "__main__":
    sys.exit(main())
