"""The work pools and their queues: where runs execute, how many at once, and in which order."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from aeflow.errors import ConfigError
from infra.settings_file import MachineSection

__all__ = ["POOLS", "Pool", "Template", "apply_pool", "pool_of", "template_of"]


@dataclass(frozen=True)
class Pool:
    """Describes a work pool; its queues are in the order of their priority, highest first."""

    name: str
    description: str
    concurrency_limit: int
    queues: tuple[str, ...]

    @property
    def limit(self) -> int:
        """The maximum number of concurrent runs. AEFLOW_<POOL>_LIMIT overrides the default."""
        name = f"AEFLOW_{self.name.upper()}_LIMIT"
        value = os.environ.get(name, str(self.concurrency_limit))
        if not value.isdigit() or int(value) < 1:
            raise ConfigError(f"{name} = '{value}' is not allowed. Set a number of at least 1.")
        return int(value)


POOLS = (
    # Its runs wait for runs in other pools. In one pool, a parent would hold its child's slot.
    Pool("control", "Pipelines and retraining, which may train elsewhere.", 4, ("now", "nightly")),
    Pool("cpu", "Training and encoding without a GPU.", 2, ("training", "batch")),
    Pool("gpu", "Training on a GPU, one run per GPU.", 1, ("training",)),
)


def pool_of(pool: Pool, machine: MachineSection) -> Pool:
    """Returns a pool with the limit that the settings say."""
    return replace(pool, concurrency_limit=getattr(machine, f"{pool.name}_limit"))


@dataclass(frozen=True)
class Template:
    """Describes how the workers of a pool start a run: their type and the base job template."""

    type: str
    base_job_template: dict[str, Any] | None = None


def template_of(pool: Pool, folder: Path | None) -> Template:
    """Returns the template of a pool from the file `<pool>.<type>.json` in a folder.

    If there is no such file, the template starts runs as processes.
    """
    files = sorted(folder.glob(f"{pool.name}.*.json")) if folder else []
    if not files:
        return Template("process")
    if len(files) > 1:
        raise ConfigError(
            f"The pool '{pool.name}' has {len(files)} templates in '{folder}'. Keep only one."
        )
    return Template(files[0].name.split(".")[1], json.loads(files[0].read_text("utf-8")))


async def apply_pool(client: PrefectClient, pool: Pool, template: Template) -> list[str]:
    """Creates or updates a pool and its queues; returns a line for each change."""
    try:
        changes = await _update(client, await client.read_work_pool(pool.name), pool, template)
    except ObjectNotFound:
        changes = [await _create(client, pool, template)]
    return changes + await _apply_queues(client, pool)


async def _create(client: PrefectClient, pool: Pool, template: Template) -> str:
    job = template.base_job_template
    job = job or await get_default_base_job_template_for_infrastructure_type(template.type)
    if job is None:
        raise ConfigError(
            f"Prefect knows no work pool of the type '{template.type}'. Install the "
            "package that adds this type, or correct the file name of the template."
        )
    creation = WorkPoolCreate(
        name=pool.name,
        description=pool.description,
        type=template.type,
        base_job_template=job,
        concurrency_limit=pool.limit,
    )
    await client.create_work_pool(creation)
    return f"work pool {pool.name}: created, {template.type}, {pool.limit} at once"


async def _update(
    client: PrefectClient, existing: WorkPool, pool: Pool, template: Template
) -> list[str]:
    if existing.type != template.type:
        raise ConfigError(
            f"The type of the work pool '{pool.name}' cannot change from '{existing.type}' to "
            f"'{template.type}'. Delete the pool first: prefect work-pool delete {pool.name}"
        )
    expected: dict[str, Any] = {
        "description": pool.description,
        "concurrency_limit": pool.limit,
        "base_job_template": template.base_job_template or existing.base_job_template,
    }
    changes = {name: value for name, value in expected.items() if value != getattr(existing, name)}
    if changes:
        await client.update_work_pool(pool.name, WorkPoolUpdate(**changes))
    return [f"work pool {pool.name}: {name} changed" for name in changes]


async def _apply_queues(client: PrefectClient, pool: Pool) -> list[str]:
    changes = []
    for priority, name in enumerate(pool.queues, start=1):
        queues = {queue.name: queue for queue in await client.read_work_queues(pool.name)}
        if name not in queues:
            await client.create_work_queue(name, priority=priority, work_pool_name=pool.name)
            changes.append(f"work queue {pool.name}/{name}: created")
        elif queues[name].priority != priority:
            await client.update_work_queue(queues[name].id, priority=priority)
            changes.append(f"work queue {pool.name}/{name}: priority is now {priority}")
    return changes
