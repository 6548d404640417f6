"""The file `service.toml`: what a service was told, kept for the next start."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from aeflow.configs.config import Config
from aeflow.errors import ConfigError
from aeflow.storage.disk.durable import local_root
from infra.settings import HOST

__all__ = [
    "DatasetSection",
    "MachineSection",
    "SettingsFile",
    "check_environment",
    "file_of",
    "name_of",
    "of_environment",
    "read",
    "write",
    "write_first",
]

NAME = "service.toml"
PREFIX = "AEFLOW_"

DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Limit = Annotated[int, Field(ge=1, le=10_000)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("a time zone has a name such as Europe/Berlin") from error
    return name


class MachineSection(Config):
    """Sets what runs on this machine. Each field also is an environment variable, AEFLOW_<NAME>."""

    store: str = Field(default="aeflow-store", min_length=1)
    """Folder of the store that all deployments use."""
    port: Port = 4200
    """Port of the Prefect UI and API."""
    servers: int = Field(default=1, ge=1, le=9)
    """Number of Prefect servers behind that port."""
    server_port: int = Field(default=4201, ge=1, le=65535 - 9)
    """First port of the servers, if there are several."""
    redis_port: Port = 63790
    """Port of Redis, if there are several servers."""
    postgres_port: Port = 54320
    """Port of PostgreSQL."""
    tensorboard_port: Port = 6006
    """Port of TensorBoard."""
    report_port: Port = 6007
    """Port of the published reports."""
    tensorboard_url: Url | None = None
    """Address to which pages link for TensorBoard; if not set, its port on this machine."""
    report_url: Url | None = None
    """Address to which pages link for reports; if not set, their port on this machine."""
    pools: tuple[Literal["control", "cpu", "gpu"], ...] = ("control", "cpu", "gpu")
    """Pools that have a worker on this machine."""
    control_limit: Limit = 4
    """Runs at once in the pool control, over all machines."""
    cpu_limit: Limit = 2
    """Runs at once in the pool cpu, over all machines."""
    gpu_limit: Limit = 1
    """Runs at once in the pool gpu, over all machines; the number of GPUs."""
    database: Literal["postgresql", "sqlite"] | None = None
    """Database of the server; if not set, PostgreSQL if it is installed."""
    postgres_bin: str | None = None
    """Folder of PostgreSQL's programs; if not set, it is searched for."""
    postgres_user: str = "postgres"
    """User that runs PostgreSQL if root starts the service."""
    log_bytes: int = Field(default=10 * 2**20, ge=1, le=2**40)
    """A longer log is moved to .log.1."""


class DatasetSection(Config):
    """Sets how a dataset is retrained every night."""

    source: str = Field(default="digits", min_length=1)
    """Where the data come from, such as npz:/data/{date}.npz; paths are absolute."""
    cron: str = Field(default="15 2 * * *", pattern=r"^\S+( \S+){4}$")
    """Start of the nightly run."""
    timezone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    """Time zone of cron and of {date}."""
    train_on: str = "train-autoencoder/cpu"
    """Deployment that trains the model; train-autoencoder/gpu for a GPU."""
    config: str | None = None
    """TOML file with the options of the pipeline; a relative path starts at this file's folder."""
    fresh: str | None = Field(default=None, pattern=r"^[1-9]\d{0,3}[hd]$")
    """Promised age of the features, such as 26h."""


class SettingsFile(Config):
    """Holds what a service was told: this machine, and a section for each dataset."""

    service: MachineSection = MachineSection()
    """What runs on this machine."""
    datasets: dict[DatasetName, DatasetSection] = Field(min_length=1)
    """The datasets, by name."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that say what the section `service` says."""
        values = {name: _text(value) for name, value in self.service if value is not None}
        links = {
            f"{part}_url": f"http://{HOST}:{values[f'{part}_port']}"
            for part in ("tensorboard", "report")
        }
        return {_variable(name): value for name, value in (links | values).items()}


def file_of(environment: Mapping[str, str]) -> Path:
    """Returns the path of the file in the folder of the service."""
    return Path(environment.get("AEFLOW_HOME", ".aeflow")).expanduser().absolute() / NAME


def read(path: Path) -> SettingsFile:
    """Reads the file."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"Cannot read '{path}' as TOML: {error}. Correct that line.") from error
    try:
        return SettingsFile.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_rule(error)}") from error


def of_environment(environment: Mapping[str, str]) -> SettingsFile:
    """Returns the settings of the environment variables, with one dataset."""
    try:
        dataset = DatasetSection.model_validate(_given(DatasetSection, environment))
        values: dict[str, Any] = _given(MachineSection, environment)
        if "pools" in values:
            values["pools"] = [name.strip() for name in values["pools"].split(",")]
        settings = SettingsFile(
            service=MachineSection.model_validate(values),
            datasets={name_of(dataset.source): dataset},
        )
    except ValidationError as error:
        raise ConfigError(f"Environment variable {PREFIX}...: {_rule(error)}") from error
    local = SettingsFile(
        service=settings.service.model_copy(update={"report_url": None, "tensorboard_url": None}),
        datasets=settings.datasets,
    )
    return local if local.variables == settings.variables else settings


def check_environment(environment: Mapping[str, str]) -> None:
    """Raises ConfigError if an environment variable differs from the file, if there is one."""
    path = file_of(environment)
    if not path.exists():
        return
    settings = read(path)
    kept: dict[str, list[str]] = {name: [value] for name, value in settings.variables.items()}
    for field in DatasetSection.model_fields:
        values = {getattr(section, field) for section in settings.datasets.values()}
        kept[_variable(field)] = sorted(value for value in values if value is not None)
    names = {_variable(name) for name in (*_names(MachineSection), *_names(DatasetSection))}
    for name in sorted(names & environment.keys()):
        value, held = environment[name], kept.get(name, [])
        if value and not any(_same(name, value, each) for each in held):
            there = " or ".join(f"'{each}'" for each in held) or "nothing"
            raise ConfigError(
                f"{name} is '{value}' in the environment, but {there} in '{path}'. Unset the "
                "variable, or change the file."
            )


def write_first(home: Path, store: str) -> None:
    """Writes what the environment says to the file in the folder `home`, if there is none yet."""
    path = home / NAME
    if not path.exists():
        settings = of_environment(os.environ)
        machine = settings.service.model_copy(update={"store": store})
        write(path, settings.model_copy(update={"service": machine}))


def write(path: Path, settings: SettingsFile) -> None:
    """Writes the file with a comment for each field, and nothing secret."""
    lines = [
        "# What this service was told. Edit it, then run: make down up",
        "# Secrets and the address of the webhook are in the file `secrets` in this folder.",
        *_section("service", settings.service),
    ]
    for name, dataset in settings.datasets.items():
        lines += _section(f"datasets.{json.dumps(name) if '.' in name else name}", dataset)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text("\n".join(lines) + "\n", "utf-8")
    unfinished.rename(path)


def name_of(source: str) -> str:
    """Returns the name of a dataset whose source is known, without its date."""
    from aeflow.datasets.sources import clean_name

    kind, _, place = source.partition(":")
    stem = place.partition(":")[0] if kind == "tfds" else PurePath(place).name.partition(".")[0]
    return clean_name(re.sub(r"\{[^}]*\}", "", stem), otherwise=kind)


def _section(name: str, section: Config) -> list[str]:
    lines = ["", f"[{name}]"]
    for field, info in type(section).model_fields.items():
        value = getattr(section, field)
        start = (
            f"# {field} ="
            if value is None
            else f"{field} = {json.dumps(value, ensure_ascii=False)}"
        )
        lines.append(f"{start}  # {info.description}")
    return lines


def _names(section: type[Config]) -> list[str]:
    """Returns the fields that have an environment variable."""
    return [name for name in section.model_fields if name not in ("config", "fresh")]


def _given(section: type[Config], environment: Mapping[str, str]) -> dict[str, Any]:
    values = {name: environment.get(_variable(name)) for name in _names(section)}
    return {name: value for name, value in values.items() if value}


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _same(name: str, value: str, kept: str) -> bool:
    if name == "AEFLOW_STORE" and ("://" not in value or value.startswith("file:")):
        return local_root(value) == local_root(kept)
    return value.replace(" ", "") == kept if name == "AEFLOW_POOLS" else value == kept


def _rule(error: ValidationError) -> str:
    """Describes the first error: the key, the value, the rule."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is unknown. Remove it, or correct its name; infra/README.md lists the keys."
    if first["type"] == "missing":
        return f"{key} is missing. Add it; infra/README.md has an example."
    message = first["msg"].removeprefix("Value error, ")
    return f"{key} = {first['input']!r} is not allowed: {message}. Correct it."
