"""The settings of the service on this machine, read from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aeflow.errors import ConfigError
from aeflow.storage.disk.durable import local_path, local_root

__all__ = ["HOST", "Settings"]

HOST = "127.0.0.1"
"""All parts listen on this machine only. For other machines, put a proxy with TLS in front."""

POOLS = ("control", "cpu", "gpu")
DATABASES = ("postgresql", "sqlite")


@dataclass(frozen=True)
class Settings:
    """Holds the folders, ports and options of the service."""

    home: Path
    store: Path
    port: int
    servers: int
    server_port: int
    redis_port: int
    postgres_port: int
    tensorboard_port: int
    report_port: int
    tensorboard_link: str
    report_link: str
    pools: tuple[str, ...]
    database: str | None
    postgres_bin: Path | None
    postgres_user: str
    log_bytes: int
    overwrite: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the settings from an environment. Raises ConfigError if a value is not allowed."""
        database = environment.get("AEFLOW_DATABASE")
        if database not in (None, *DATABASES):
            raise ConfigError(
                f"Unknown AEFLOW_DATABASE '{database}'. Choose one of: {', '.join(DATABASES)}."
            )
        tensorboard_port = _number(environment, "AEFLOW_TENSORBOARD_PORT", 6006)
        report_port = _number(environment, "AEFLOW_REPORT_PORT", 6007)
        binaries = environment.get("AEFLOW_POSTGRES_BIN")
        return cls(
            home=local_path(environment.get("AEFLOW_HOME", ".aeflow")).absolute(),
            store=_store(environment.get("AEFLOW_STORE") or "aeflow-store"),
            port=_number(environment, "AEFLOW_PORT", 4200),
            servers=_number(environment, "AEFLOW_SERVERS", 1, at_most=9),
            server_port=_number(environment, "AEFLOW_SERVER_PORT", 4201, at_most=65535 - 9),
            redis_port=_number(environment, "AEFLOW_REDIS_PORT", 63790),
            postgres_port=_number(environment, "AEFLOW_POSTGRES_PORT", 54320),
            tensorboard_port=tensorboard_port,
            report_port=report_port,
            tensorboard_link=_link(environment, "AEFLOW_TENSORBOARD_URL", tensorboard_port),
            report_link=_link(environment, "AEFLOW_REPORT_URL", report_port),
            pools=_pools(environment.get("AEFLOW_POOLS", ",".join(POOLS))),
            database=database,
            postgres_bin=Path(binaries) if binaries else None,
            postgres_user=environment.get("AEFLOW_POSTGRES_USER", "postgres"),
            log_bytes=_number(environment, "AEFLOW_LOG_BYTES", 10 * 2**20, at_most=2**40),
        )

    @property
    def apply_options(self) -> tuple[str, ...]:
        """The options of `python -m deployments.apply`."""
        return ("--overwrite",) if self.overwrite else ()

    @property
    def url(self) -> str:
        """The address of the Prefect UI."""
        return f"http://{HOST}:{self.port}"

    @property
    def tensorboard_url(self) -> str:
        """The address of TensorBoard."""
        return f"http://{HOST}:{self.tensorboard_port}"

    @property
    def report_url(self) -> str:
        """The address that serves the store's publications."""
        return f"http://{HOST}:{self.report_port}"

    @property
    def logs(self) -> Path:
        """The folder with one log per process."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """The file with the secrets."""
        return self.home / "secrets"

    @property
    def client(self) -> Path:
        """The file that a shell reads to connect to the server."""
        return self.home / "client.env"

    @property
    def lock(self) -> Path:
        """The file that is locked while the service is running."""
        return self.home / "service.lock"

    @property
    def state(self) -> Path:
        """The file with the state of the running parts."""
        return self.home / "service.json"


def _link(environment: Mapping[str, str], name: str, port: int) -> str:
    """Returns the address to which pages link."""
    return environment.get(name) or f"http://{HOST}:{port}"


def _store(value: str) -> Path:
    if "://" in value and not value.startswith("file:"):
        raise ConfigError(
            f"AEFLOW_STORE = '{value}' is not a folder, and the service on one machine keeps its "
            "store in a folder. Set a folder, or run aeflow in containers: infra/containers.md."
        )
    return local_root(value)


def _pools(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in POOLS:
            raise ConfigError(
                f"AEFLOW_POOLS has the unknown pool '{name}'. Choose from: {', '.join(POOLS)}."
            )
    return names


def _number(
    environment: Mapping[str, str], name: str, default: int, *, at_most: int = 65535
) -> int:
    value = environment.get(name, str(default))
    if not value.isdigit() or not 1 <= int(value) <= at_most:
        raise ConfigError(f"{name} = '{value}' is not allowed. Set a number from 1 to {at_most}.")
    return int(value)
