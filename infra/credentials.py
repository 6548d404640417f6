"""The secrets of the service: made once, kept in one file that only its owner reads."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from aeflow.errors import ConfigError

__all__ = ["Credentials", "credentials"]

NAMES = {"auth": "PREFECT_API_AUTH_STRING", "postgres_password": "AEFLOW_POSTGRES_PASSWORD"}
# Nothing that a shell, a URL or SQL would read as more than itself.
ALLOWED = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True)
class Credentials:
    """Holds what the server asks its clients for, and what PostgreSQL asks the server for."""

    auth: str
    postgres_password: str


def credentials(path: Path) -> Credentials:
    """Reads the secrets from a file, which it makes first if there is none. Raises ConfigError."""
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"Others may read '{path}'. Take that from them: chmod 600 {path}")
    lines = [line.partition("=") for line in path.read_text("utf-8").splitlines()]
    said = {name: value for name, _, value in lines}
    given = {field: said.get(name, "") for field, name in NAMES.items()}
    for field, name in NAMES.items():
        if not ALLOWED.fullmatch(given[field]):
            raise ConfigError(
                f"'{path}' has no {name} of letters, digits and _.:- alone. "
                "Delete the file, and a new one is made."
            )
    return Credentials(**given)


def _make(path: Path) -> None:
    new = {"auth": f"admin:{secrets.token_urlsafe(24)}", "postgres_password": secrets.token_hex(24)}
    content = "".join(f"{name}={new[field]}\n" for field, name in NAMES.items())
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    unfinished.rename(path)
