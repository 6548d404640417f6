"""What each deployment shall be: prefect.yaml, with the values of this service."""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import apply_values

from aeflow.errors import ConfigError

__all__ = ["Deployment", "catalog", "schedule_fields"]

DEFINITIONS = Path(__file__).with_name("prefect.yaml")

DEFAULTS = {
    "source": "digits",
    "train_on": "train-autoencoder/cpu",
    "cron": "15 2 * * *",
    "timezone": "UTC",
}
"""The values in prefect.yaml; the environment variable AEFLOW_<NAME> overrides each."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Deployment:
    """Names a deployment, with its fields as the server stores them in JSON."""

    flow: str
    name: str
    fields: Fields

    @property
    def full_name(self) -> str:
        """The name that commands take, such as `tune/batch`."""
        return f"{self.flow}/{self.name}"


def catalog(store: str) -> list[Deployment]:
    """Returns the deployments that all use one store.

    Raises ConfigError if a schedule is not valid.
    """
    values = {
        name: os.environ.get(f"AEFLOW_{name.upper()}", default)
        for name, default in DEFAULTS.items()
    }
    content = yaml.safe_load(DEFINITIONS.read_text("utf-8"))
    definitions = apply_values(content["deployments"], {**values, "store": store})
    return [_deployment(definition) for definition in definitions]


def schedule_fields(slug: str | None, schedule: Fields, parameters: Fields) -> Fields:
    """Returns the fields of a schedule, without its pause, which belongs to people."""
    return {"slug": slug, "schedule": schedule, "parameters": parameters}


def _deployment(definition: Fields) -> Deployment:
    module, _, name = definition["entrypoint"].rpartition(".")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), name)
    limit = definition.get("concurrency_limit")
    strategy = limit and {"collision_strategy": limit["collision_strategy"]}
    fields = {
        "entrypoint": definition["entrypoint"],
        "description": definition["description"],
        "tags": sorted(definition["tags"]),
        "parameters": definition["parameters"],
        "parameter_openapi_schema": parameter_schema(flow).model_dump(mode="json"),
        "schedules": [_schedule(one) for one in definition.get("schedules", ())],
        "concurrency_limit": limit and limit["limit"],
        "concurrency_options": strategy,
        "work_pool_name": definition["work_pool"]["name"],
        "work_queue_name": definition["work_pool"]["work_queue_name"],
    }
    return Deployment(flow.name, definition["name"], fields)


def _schedule(definition: Fields) -> Fields:
    try:
        cron = CronSchedule(cron=definition["cron"], timezone=definition["timezone"])
    except ValueError as error:
        raise ConfigError(
            f"The schedule '{definition['cron']}' in the time zone '{definition['timezone']}' is "
            "not valid. Write cron as in '15 2 * * *', and the time zone as in 'Europe/Berlin'."
        ) from error
    return schedule_fields(definition["slug"], cron.model_dump(mode="json"), {})
