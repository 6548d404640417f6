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
from deployments.pools import POOLS, Pool, Template, apply_pool, pool_of, template_of
from flows.recipes.stored import absolute
from infra.credentials import notify_url
from infra.settings_file import check_environment, file_of, of_environment, read

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

    The file service.toml in AEFLOW_HOME says which ones; without that file, environment variables
    do. With `overwrite`, edits on the server are undone if the same deployment was changed here.

    Raises:
        ConfigError: AEFLOW_STORE is not set, a setting is invalid, or a deployment was changed both
            here and on the server.
    """
    path = file_of(os.environ)
    has_file = "AEFLOW_HOME" in os.environ and path.exists()
    if has_file:
        check_environment(os.environ)
    elif not os.environ.get("AEFLOW_STORE"):
        raise ConfigError("AEFLOW_STORE is not set. Set it to the store that all deployments use.")
    settings = read(path) if has_file else of_environment(os.environ)
    deployments = catalog(absolute(settings.service.store), settings, path.parent)
    notify = address(notify_url(path.with_name("secrets")) if has_file else None)
    pools = [(pool_of(pool, settings.service), template_of(pool, templates)) for pool in POOLS]
    asyncio.run(_apply(deployments, pools, notify, overwrite=overwrite))


async def _apply(
    deployments: list[Deployment],
    pools: list[tuple[Pool, Template]],
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
        lines = [line for one in pools for line in await apply_pool(client, *one)]
        _report(lines, "work pools")
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
