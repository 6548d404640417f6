"""Applies pools, deployments and automations to a Prefect server: `python -m deployments.apply`.

It reports what it changed. If everything is up to date, it changes nothing.
"""

import argparse
import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from aeflow.errors import AeflowError, ConfigError
from deployments.automations import apply_automations
from deployments.notifications import address
from deployments.pools import POOLS, apply_pool, template_of
from flows.recipes.stored import absolute

__all__ = ["apply", "main"]

ROOT = Path(__file__).parent.parent
# Prefect resolves the entry points in this file only from the root of the repository.
DEPLOY = ("--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")

DEFAULTS = {
    "AEFLOW_SOURCE": "digits",
    "AEFLOW_TRAIN_ON": "train-autoencoder/cpu",
    "AEFLOW_CRON": "15 2 * * *",
    "AEFLOW_TIMEZONE": "UTC",
}
"""Defaults for the environment variables in prefect.yaml that are not set."""

logger = logging.getLogger(__name__)


def main() -> int:
    """Applies everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--templates",
        type=Path,
        help="Folder with base job templates, <pool>.<type>.json. Without it, runs are processes.",
    )
    # `force`, because Prefect has already set up the root logger, for a server's log.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        apply(parser.parse_args().templates)
    except (AeflowError, httpx.HTTPError) as error:
        logger.error("deployments: %s", error)
        return 1
    return 0


def apply(templates: Path | None = None) -> None:
    """Creates or updates the pools, deployments and automations.

    Raises ConfigError if AEFLOW_STORE is not set, a setting is invalid, or `prefect deploy` fails.
    """
    store = os.environ.get("AEFLOW_STORE")
    if not store:
        raise ConfigError("AEFLOW_STORE is not set. Set it to the store that all deployments use.")
    notify = address()
    for line in asyncio.run(_apply_pools(templates)) or ["work pools: nothing to change"]:
        logger.info(line)
    _deploy(absolute(store))
    for line in asyncio.run(_apply_automations(notify)) or ["automations: nothing to change"]:
        logger.info(line)


async def _apply_pools(templates: Path | None) -> list[str]:
    async with get_client() as client:
        return [
            line
            for pool in POOLS
            for line in await apply_pool(client, pool, template_of(pool, templates))
        ]


async def _apply_automations(notify: str | None) -> list[str]:
    async with get_client() as client:
        return await apply_automations(client, notify)


def _deploy(store: str) -> None:
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    process = subprocess.run(
        [sys.executable, "-m", "prefect", *DEPLOY],
        cwd=ROOT,
        env={**DEFAULTS, **os.environ, **settings, "AEFLOW_STORE": store},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if process.returncode:
        logger.error("%s", process.stdout + process.stderr)
        last = process.stderr.strip().rpartition("\n")[2]
        raise ConfigError(f"`prefect deploy` failed. Read its whole output above this line: {last}")
    logger.info("deployments: applied, with the store %s", store)


if __name__ == "__main__":
    sys.exit(main())
