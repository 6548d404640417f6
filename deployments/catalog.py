"""What each deployment shall be: prefect.yaml, with the values of this service."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import apply_values

from aeflow.configs.loading import load_config
from aeflow.errors import ConfigError
from infra.settings_file import DatasetSection, SettingsFile

__all__ = ["Deployment", "catalog", "schedule_fields"]

DEFINITIONS = Path(__file__).with_name("prefect.yaml")

OF_A_DATASET = "{{ dataset }}"
"""The name of a definition that is made for each dataset."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Deployment:
    """Names a deployment, with its fields as the server stores them in JSON."""

    flow: str
    name: str
    fields: Fields

    @property
    def full_name(self) -> str:
        """The name that commands take, such as `tune/search`."""
        return f"{self.flow}/{self.name}"


def catalog(store: str, settings: SettingsFile, folder: Path) -> list[Deployment]:
    """Returns the deployments, which all use one store.

    Those that serve all datasets have the config of the first dataset. Paths of config files start
    at `folder`. Raises ConfigError if a schedule or a config file is not valid.
    """
    values = [
        {**dict(section), "store": store, "dataset": name, "config": _config(name, section, folder)}
        for name, section in settings.datasets.items()
    ]
    deployments = []
    for definition in yaml.safe_load(DEFINITIONS.read_text("utf-8"))["deployments"]:
        each = values if definition["name"] == OF_A_DATASET else values[:1]
        deployments += [_deployment(apply_values(definition, one)) for one in each]
    return deployments


def _config(name: str, section: DatasetSection, folder: Path) -> Fields:
    """Returns the config of a dataset: its file, with its name, its source and its promise."""
    flags: Fields = {"ingest.name": name, "ingest.source": section.source}
    if section.fresh:
        flags["retrain.fresh"] = section.fresh
    path = folder / section.config if section.config else None
    config = load_config(path=path, flags=flags)
    return config.model_dump(mode="json", exclude_unset=True)


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
