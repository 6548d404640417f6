"""The secrets of the service: made once, kept in one file that only its owner reads."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from aeflow.errors import ConfigError

__all__ = ["Credentials", "credentials"]

NAMES = {
    "auth": "PREFECT_API_AUTH_STRING",
    "postgres_password": "AEFLOW_POSTGRES_PASSWORD",
    "redis_password": "AEFLOW_REDIS_PASSWORD",
}
# Nothing that a shell, a URL or SQL would read as more than itself.
ALLOWED = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True)
class Credentials:
    """Holds what the server asks its clients for, and what PostgreSQL and Redis ask it for."""

    auth: str
    postgres_password: str
    redis_password: str


def credentials(path: Path) -> Credentials:
    """Reads the secrets from a file, and makes those that are not in it. Raises ConfigError."""
    if not path.exists():
        _write(path, "")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"Others may read '{path}'. Take that from them: chmod 600 {path}")
    if not _said(path.read_text("utf-8")).keys() >= set(NAMES.values()):  # of an earlier version
        _write(path, path.read_text("utf-8"))
    said = _said(path.read_text("utf-8"))
    given = {field: said[name] for field, name in NAMES.items()}
    for field, name in NAMES.items():
        if not ALLOWED.fullmatch(given[field]):
            raise ConfigError(
                f"'{path}' has no {name} of letters, digits and _.:- alone. "
                "Delete the file, and a new one is made."
            )
    return Credentials(**given)


def _said(text: str) -> dict[str, str]:
    lines = [line.partition("=") for line in text.splitlines()]
    return {name: value for name, _, value in lines}


def _write(path: Path, before: str) -> None:
    """Writes what the file says already, and new secrets of those names that it lacks."""
    new = {
        "PREFECT_API_AUTH_STRING": f"admin:{secrets.token_urlsafe(24)}",
        "AEFLOW_POSTGRES_PASSWORD": secrets.token_hex(24),
        "AEFLOW_REDIS_PASSWORD": secrets.token_hex(24),
    }
    lacking = [name for name in NAMES.values() if name not in _said(before)]
    content = before + "".join(f"{name}={new[name]}\n" for name in lacking)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    unfinished.rename(path)
