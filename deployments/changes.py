"""The changes that bring the deployments of a server up to date, and keep what people set.

A field that has changed on the server since it was last applied was edited there. A pause is never
lifted.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
)
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from aeflow.errors import ConfigError
from deployments.applied import Hashes, applied_to, hash_of, keep
from deployments.catalog import Deployment, Fields, schedule_fields

__all__ = ["Change", "Retirement", "apply_change", "check", "planned", "retire", "retirements"]

TAG = "aeflow"
RETIRED = "retired"
CODE = {"entrypoint", "description", "parameter_openapi_schema"}
"""Fields that only the code says. If they change, edits of other fields stay."""
LONG = {"description", "parameter_openapi_schema"}
"""Fields that are too long to be printed."""
PAGE = 200


@dataclass(frozen=True)
class Change:
    """Compares a deployment of the catalog with the server and with what was applied last."""

    deployment: Deployment
    existing: DeploymentResponse | None
    applied: Hashes

    @property
    def present(self) -> Fields:
        """The fields on the server."""
        return _fields_of(self.existing) if self.existing else {}

    @property
    def changed(self) -> set[str]:
        """The fields that the catalog or the code has changed since they were applied."""
        fields = self.deployment.fields
        return {name for name in fields if hash_of(fields[name]) != self.applied.get(name)}

    @property
    def edited(self) -> set[str]:
        """The fields that were edited on the server since they were applied."""
        present, fields = self.present, self.deployment.fields
        return {
            name
            for name in present.keys() & self.applied.keys()
            if present[name] != fields[name] and hash_of(present[name]) != self.applied[name]
        }

    @property
    def is_contested(self) -> bool:
        """Whether both sides changed: a field of the file and any, or one field on both sides."""
        return bool(self.edited and (self.changed - CODE or self.changed & self.edited))

    @property
    def written(self) -> set[str]:
        """The fields to write; all that differ if the deployment changed on both sides."""
        present, fields = self.present, self.deployment.fields
        different = {name for name in fields if present.get(name) != fields[name]}
        return different if self.is_contested else different & self.changed

    def lines(self) -> list[str]:
        """Returns a line for each difference; none if there is nothing to change."""
        start = f"deployment {self.deployment.full_name}"
        if self.existing is None:
            return [f"{start}: new"]
        lines = []
        for name in sorted(self.written):
            if name in LONG:
                lines.append(f"{start}: {name} changes")
                continue
            pairs = _differences(name, self.present.get(name), self.deployment.fields[name])
            lines += [f"{start}: {path}: {old!r} -> {new!r}" for path, old, new in pairs]
        if kept := self.edited - self.written:
            lines.append(f"{start}: keeps what was edited on the server: {_listed(kept)}")
        if self.existing.paused:
            lines.append(f"{start}: stays paused")
        return lines


@dataclass(frozen=True)
class Retirement:
    """Names a deployment of before that is not in the catalog any more."""

    id: UUID
    full_name: str

    def line(self) -> str:
        """Returns the line that names the deployment."""
        return f"deployment {self.full_name}: not named any more, is paused"


async def planned(client: PrefectClient, deployments: list[Deployment]) -> list[Change]:
    """Compares each deployment with the server."""
    changes = []
    for deployment in deployments:
        existing = await _read(client, deployment.full_name)
        applied = await applied_to(client, existing.id) if existing else {}
        changes.append(Change(deployment, existing, applied))
    return changes


def check(changes: list[Change]) -> None:
    """Raises ConfigError if a deployment was changed here and edited on the server."""
    contested = [change for change in changes if change.is_contested]
    if contested:
        names = "; ".join(
            f"{one.deployment.full_name} (here: {_listed(one.changed)}; there: "
            f"{_listed(one.edited)})"
            for one in contested
        )
        raise ConfigError(
            f"Changed here and edited on the server: {names}. Undo one of the two, or apply with "
            "--overwrite, which undoes the edits on the server."
        )


async def apply_change(client: PrefectClient, change: Change) -> None:
    """Creates or updates a deployment, and keeps the hashes of its fields."""
    deployment_id = await _write(client, change)
    hashes = {name: hash_of(value) for name, value in change.deployment.fields.items()}
    if hashes != change.applied:
        await keep(client, deployment_id, hashes)


async def retirements(client: PrefectClient, changes: list[Change]) -> list[Retirement]:
    """Returns the deployments of before that the catalog does not name and that may still run.

    One that was paused by `retire`, and that a person resumed, is left alone.
    """
    named = {change.existing.id for change in changes if change.existing}
    old = [one async for one in _tagged(client) if one.id not in named and not one.paused]
    return [
        Retirement(one.id, f"{(await client.read_flow(one.flow_id)).name}/{one.name}")
        for one in old
        if RETIRED not in await applied_to(client, one.id)
    ]


async def retire(client: PrefectClient, retirement: Retirement) -> None:
    """Pauses a deployment, so that its schedules do not run."""
    await client.pause_deployment(retirement.id)
    await keep(client, retirement.id, {RETIRED: retirement.full_name})


async def _tagged(client: PrefectClient) -> AsyncIterator[DeploymentResponse]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    offset, page = 0, None
    while page is None or len(page) == PAGE:
        page = await client.read_deployments(deployment_filter=ours, limit=PAGE, offset=offset)
        for one in page:
            yield one
        offset += PAGE


async def _read(client: PrefectClient, full_name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


async def _write(client: PrefectClient, change: Change) -> UUID:
    fields = change.deployment.fields
    if change.existing is None:
        flow_id = await client.create_flow_from_name(change.deployment.flow)
        schedules = [_new_schedule(one, active=True) for one in fields["schedules"]]
        create = {**_sent(fields, set(fields) - {"schedules"}), "schedules": schedules}
        return await client.create_deployment(
            flow_id, change.deployment.name, pull_steps=[], **create
        )
    written = change.written
    if plain := written - {"schedules"}:
        update = DeploymentUpdate(**_sent(fields, plain))
        await client.update_deployment(change.existing.id, update)
    if "schedules" in written:
        await _write_schedules(client, change.existing, fields["schedules"])
    return change.existing.id


def _sent(fields: Fields, names: set[str]) -> Fields:
    """Returns the fields to send; the server takes a queue only together with its pool."""
    together = {"work_pool_name", "work_queue_name"}
    sent = {name: fields[name] for name in names | (together if names & together else set())}
    if options := sent.get("concurrency_options"):
        sent["concurrency_options"] = ConcurrencyOptions.model_validate(options)
    return sent


async def _write_schedules(
    client: PrefectClient, existing: DeploymentResponse, schedules: list[Fields]
) -> None:
    old = {one.slug: one for one in existing.schedules}
    is_paused = bool(old) and not any(one.active for one in existing.schedules)
    kept = set()
    for fields in schedules:
        if fields["slug"] in old:
            kept.add(old[fields["slug"]].id)
            await client.update_deployment_schedule(
                existing.id,
                old[fields["slug"]].id,
                schedule=CronSchedule.model_validate(fields["schedule"]),
                parameters=fields["parameters"],
            )
        else:
            new = _new_schedule(fields, active=not is_paused)
            await client.create_deployment_schedules(existing.id, [new])
    for one in existing.schedules:
        if one.id not in kept:
            await client.delete_deployment_schedule(existing.id, one.id)


def _new_schedule(fields: Fields, *, active: bool) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(**fields, active=active)


def _fields_of(existing: DeploymentResponse) -> Fields:
    """Returns the fields of a deployment on the server, in the form of the catalog."""
    stored = existing.model_dump(mode="json")
    limit, options = stored["global_concurrency_limit"], stored["concurrency_options"]
    schedules = [
        schedule_fields(one["slug"], one["schedule"], one["parameters"])
        for one in stored["schedules"]
    ]
    return {
        **{name: stored[name] for name in ("entrypoint", "description", "parameters")},
        **{name: stored[name] for name in ("work_pool_name", "work_queue_name")},
        "parameter_openapi_schema": stored["parameter_openapi_schema"],
        "tags": sorted(stored["tags"]),
        "schedules": sorted(schedules, key=lambda one: one["slug"] or ""),
        "concurrency_limit": limit and limit["limit"],
        "concurrency_options": options and {"collision_strategy": options["collision_strategy"]},
    }


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yields the path, the old and the new value of each leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}.{key}", old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{path}.{number}", before, after)
    elif old != new:
        yield path, old, new


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
