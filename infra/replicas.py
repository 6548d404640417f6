"""Several Prefect servers behind one address, so that runs and schedules survive if one dies."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from aeflow.errors import ConfigError
from infra.credentials import Credentials
from infra.parts import PREFECT, Part, answers
from infra.postgres import Postgres
from infra.redis import Redis, account
from infra.settings import HOST, Settings

__all__ = ["Replicas", "find_replicas"]

SHARED = {
    "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
}
"""Settings for the state that a single server keeps in memory and several servers keep in Redis."""
URLS = (
    "PREFECT_SERVER_DOCKET_URL",
    "PREFECT_REDIS_MESSAGING_URL",
    "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL",
)
PROXY = """\
global
    log stdout format raw daemon notice
defaults
    mode http
    log global
    option redispatch
    retries 3
    timeout connect 2s
    timeout client 2m
    timeout server 2m
    # A WebSocket: sends logs and events of a run for as long as a page shows them.
    timeout tunnel 1h
    timeout check 10s
frontend prefect
    bind {address}
    default_backend servers
backend servers
    balance roundrobin
    # A killed server may leave a request without an answer. A request that only reads is then
    # sent to another server.
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET
    option httpchk GET /api/health
    # A server that hangs still accepts connections. Its clients are disconnected and try again.
    default-server check inter 2s fall 3 rise 1 on-marked-down shutdown-sessions
"""


@dataclass(frozen=True)
class Replicas:
    """Holds the ports of several servers, and the programs that they need in addition."""

    ports: tuple[int, ...]
    redis: Redis
    proxy: Path
    settings: Settings

    def prepare(self, secret: Credentials) -> None:
        """Writes the configuration files of Redis and the proxy."""
        self.redis.prepare(secret.redis_password)
        servers = (
            f"    server server-{number} {HOST}:{port}\n"
            for number, port in enumerate(self.ports, start=1)
        )
        address = f"{HOST}:{self.settings.port}"
        self._proxy_file.write_text(PROXY.format(address=address) + "".join(servers), "utf-8")
        self._proxy_file.chmod(0o644)  # another user reads it, and it contains no secret

    def in_place_of_one(
        self, groups: Sequence[Sequence[Part]], secret: Credentials
    ) -> list[list[Part]]:
        """Returns the groups with the one server replaced by Redis, several servers and a proxy."""
        (position,) = [
            n for n, group in enumerate(groups) if any(p.name == "server" for p in group)
        ]
        (server,) = groups[position]
        url = self.redis.url(secret.redis_password)
        shared = {**server.environment, **SHARED, **dict.fromkeys(URLS, url)}
        database, *before = groups[:position]
        # The database is migrated first: servers that start together would migrate it twice.
        migration = (*PREFECT, "server", "database", "upgrade", "-y")
        return [
            [*database, self._redis(secret, server.environment)],
            *(list(group) for group in before),
            [Part("migration", migration, shared, once=True)],
            [
                self._server(server, shared, number=number, port=port)
                for number, port in enumerate(self.ports, start=1)
            ],
            [self._proxy(server)],
            *(list(group) for group in groups[position + 1 :]),
        ]

    def _redis(self, secret: Credentials, environment: Mapping[str, str]) -> Part:
        return Part(
            "redis",
            self.redis.command,
            _without_prefect(environment),
            is_ready=lambda _since: self.redis.is_ready(secret.redis_password),
            user=self.redis.user,
            folder=self.redis.folder,
        )

    def _server(self, server: Part, shared: Mapping[str, str], *, number: int, port: int) -> Part:
        """Returns one server. Each runs the background services; Redis divides their work."""
        own = {"PREFECT_API_DATABASE_MIGRATE_ON_START": "false"}
        if number > 1:  # servers that register blocks at the same time conflict
            own["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"
        command = [*server.command]
        command[command.index("--port") + 1] = str(port)
        return replace(
            server,
            name=f"server-{number}",
            command=tuple(command),
            environment={**shared, **own},
            is_ready=lambda _since: answers(f"http://{HOST}:{port}/api/health"),
        )

    def _proxy(self, server: Part) -> Part:
        return Part(
            "proxy",
            (str(self.proxy), "-f", str(self._proxy_file)),
            _without_prefect(server.environment),
            is_ready=server.is_ready,
            user=account("haproxy", "nobody"),
            folder=Path("/"),
        )

    @property
    def _proxy_file(self) -> Path:
        return self.settings.home / "proxy.cfg"


def find_replicas(settings: Settings, postgres: Postgres | None) -> Replicas | None:
    """Returns what several servers need, or None if the settings ask for one server.

    Raises:
        ConfigError: If the database is SQLite, or if a program or package is missing.
    """
    if settings.servers == 1:
        return None
    setting = f"AEFLOW_SERVERS = {settings.servers}"
    if postgres is None:
        raise ConfigError(
            f"{setting} needs PostgreSQL, and the database is SQLite, which only one server can "
            "use. Install PostgreSQL (`make services`) and unset AEFLOW_DATABASE, or set "
            "AEFLOW_SERVERS=1."
        )
    if find_spec("prefect_redis") is None:
        raise ConfigError(
            f"{setting} needs prefect-redis. Install it: pip install 'aeflow[redis]'."
        )
    user = account("redis", "nobody")
    redis = Redis(
        _binary("redis-server", setting), settings.home / "redis", settings.redis_port, user
    )
    ports = tuple(settings.server_port + number for number in range(settings.servers))
    return Replicas(ports, redis, _binary("haproxy", setting), settings)


def _binary(name: str, setting: str) -> Path:
    """Returns the path of a program; also searches the folders that only root has in its PATH."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ConfigError(
            f"{setting} needs {name}, which is not installed. Install it (`make services`), or set "
            "AEFLOW_SERVERS=1."
        )
    return Path(path)


def _without_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment without Prefect's variables, which contain secrets."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}
