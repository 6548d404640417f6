"""What was last applied of each deployment: a Prefect variable with the hashes of its fields."""

import hashlib
import json
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate

__all__ = ["Hashes", "applied_to", "hash_of", "keep"]

Hashes = dict[str, str]
"""The hash of each field of a deployment."""


def hash_of(value: Any) -> str:
    """Returns the hash of a value of JSON; the order of its keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


async def applied_to(client: PrefectClient, deployment_id: UUID) -> Hashes:
    """Returns the hashes of what was last applied to a deployment; none if nothing was."""
    variable = await client.read_variable_by_name(_variable(deployment_id))
    return dict(variable.value) if variable and isinstance(variable.value, dict) else {}


async def keep(client: PrefectClient, deployment_id: UUID, hashes: Hashes) -> None:
    """Stores the hashes of what was applied to a deployment."""
    name = _variable(deployment_id)
    if await client.read_variable_by_name(name):
        await client.update_variable(VariableUpdate(name=name, value=hashes))
    else:
        await client.create_variable(VariableCreate(name=name, value=hashes, tags=["aeflow"]))


def _variable(deployment_id: UUID) -> str:
    return f"aeflow_applied_{deployment_id.hex}"
