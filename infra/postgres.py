"""A PostgreSQL server for this service only: its data in our folder, its port on localhost."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeflow.errors import ConfigError
from infra.settings import HOST, Settings

__all__ = ["ROLE", "Postgres", "find_postgres"]

ROLE = "aeflow"
DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgres:
    """Holds an installed PostgreSQL, the folder of its data, and the user that it runs as."""

    binaries: Path
    folder: Path
    port: int
    user: str | None

    @property
    def command(self) -> tuple[str, ...]:
        """The command that starts PostgreSQL in the foreground."""
        options = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
        }
        flags = (part for name, value in options.items() for part in ("-c", f"{name}={value}"))
        return (str(self.binaries / "postgres"), "-D", str(self.folder), *flags)

    def url(self, password: str) -> str:
        """Returns the address of the database for SQLAlchemy."""
        return f"postgresql+asyncpg://{ROLE}:{password}@{HOST}:{self.port}/postgres"

    def prepare(self, password: str) -> None:
        """Creates the database if there is none, and sets the password from the secrets file."""
        if not self.folder.exists():
            self._make()
        line = f"ALTER ROLE {ROLE} PASSWORD '{password}'\n"
        # Single-user mode, before the real server starts: it needs no password, and the new one
        # does not appear on a command line.
        output = self._run("postgres", "--single", "-D", str(self.folder), "postgres", stdin=line)
        if "ERROR" in output:
            raise ConfigError(
                f"PostgreSQL refused a new password for the role '{ROLE}' of '{self.folder}'. "
                f"Restore the database: infra/README.md, Maintenance. {' '.join(output.split())}"
            )

    def is_ready(self) -> bool:
        """Returns whether PostgreSQL accepts connections."""
        command = [self.binaries / "pg_isready", "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _make(self) -> None:
        """Creates the data in a temporary folder, so that incomplete data are never used."""
        unfinished = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.user:
            shutil.chown(unfinished, self.user)
        self._check_reach(unfinished)
        # A random password that is stored nowhere, until `prepare` sets the real one.
        with tempfile.NamedTemporaryFile("w", dir=unfinished.parent) as password:
            password.write(os.urandom(24).hex())
            password.flush()
            if self.user:
                shutil.chown(password.name, self.user)
            self._run(
                *("initdb", "-D", str(unfinished), "-U", ROLE, "-E", "UTF8", "--locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={password.name}", "--no-instructions"),
            )
        unfinished.rename(self.folder)

    def _check_reach(self, folder: Path) -> None:
        done = subprocess.run(["ls", folder], capture_output=True, check=False, **self._as_user())
        if done.returncode:
            raise ConfigError(
                f"PostgreSQL runs as user '{self.user}', which cannot enter '{folder.parent}'. Set "
                "AEFLOW_HOME to a folder that all users can enter, or set AEFLOW_DATABASE=sqlite."
            )

    def _run(self, name: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [self.binaries / name, *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            **self._as_user(),
        )
        if done.returncode:
            reason = " ".join((done.stderr or done.stdout).split())
            raise ConfigError(f"PostgreSQL's program '{name}' failed: {reason}")
        return done.stderr

    def _as_user(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": "/"}
        return options | {"user": self.user, "extra_groups": []} if self.user else options


def find_postgres(settings: Settings) -> Postgres | None:
    """Returns the PostgreSQL that fits our data, or None if none is installed or wanted.

    Raises:
        ConfigError: If PostgreSQL is required but missing or of another version, or if root starts
            the service and the user that should run PostgreSQL does not exist.
    """
    if settings.database == "sqlite":
        return None
    folder = settings.home / "postgres"
    binaries = _binaries(settings, folder)
    if binaries is None:
        if settings.database == "postgresql" or folder.exists():
            raise ConfigError(
                "PostgreSQL is not installed, and the database needs it. Install it "
                "(`make services`), or set AEFLOW_POSTGRES_BIN to its folder of programs."
            )
        return None
    return Postgres(binaries, folder, settings.postgres_port, _user(settings))


def _binaries(settings: Settings, folder: Path) -> Path | None:
    """Returns the folder of PostgreSQL's programs, or None if no PostgreSQL is installed.

    For data that exist, it is the version that created them. For new data, it is the newest one.
    """
    installed = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    candidates = [path.parent for path in reversed(installed)]
    candidates += [Path(on_path).resolve().parent] if on_path else []
    candidates = [settings.postgres_bin] if settings.postgres_bin else candidates
    version_file = folder / "PG_VERSION"
    if not version_file.exists():
        return candidates[0] if candidates else None
    data_version = version_file.read_text("utf-8").strip()
    for candidate in candidates:
        if _version(candidate) == data_version:
            return candidate
    raise ConfigError(
        f"'{folder}' was created by PostgreSQL {data_version}, which is not installed. Install "
        "this version, or move the data to another one: infra/README.md, Upgrade."
    )


def _version(binaries: Path) -> str:
    completed = subprocess.run(
        [binaries / "postgres", "--version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    version = re.search(r"(\d+)", completed.stdout)
    return version[1] if version else ""


def _user(settings: Settings) -> str | None:
    """Returns the user that runs PostgreSQL, which refuses root. None means the current user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(settings.postgres_user).pw_name
    except KeyError as error:
        raise ConfigError(
            f"PostgreSQL cannot run as root, and there is no user '{settings.postgres_user}'. "
            "Set AEFLOW_POSTGRES_USER to an existing user other than root."
        ) from error
