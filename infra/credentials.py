"""The secrets of the service, created once and kept in one file that only its owner can read."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from aeflow.errors import ConfigError

__all__ = ["NOTIFY", "Credentials", "check_notify", "credentials", "notify_url"]

NOTIFY = "AEFLOW_NOTIFY_URL"

NAMES = {
    "auth": "PREFECT_API_AUTH_STRING",
    "postgres_password": "AEFLOW_POSTGRES_PASSWORD",
    "redis_password": "AEFLOW_REDIS_PASSWORD",
}
# Only characters that have no special meaning in a shell, a URL or SQL.
ALLOWED = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True)
class Credentials:
    """Holds the server's login, and the passwords that it uses for PostgreSQL and Redis."""

    auth: str
    postgres_password: str
    redis_password: str
    notify_url: str | None = None


def credentials(path: Path, *, notify: str | None = None) -> Credentials:
    """Reads the secrets from a file and creates the missing ones.

    If the address `notify` of the webhook is given, the file keeps it.

    Raises:
        ConfigError: If other users can read the file, or a secret has a character that is not
            allowed.
    """
    if not path.exists():
        _write(path, "")
    if notify and notify_url(path) is None:
        _write(path, f"{path.read_text('utf-8').rstrip()}\n{NOTIFY}={notify}\n")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"Other users can read '{path}'. Remove that right: chmod 600 {path}")
    # A file of an earlier version lacks the newer names.
    if not _entries(path.read_text("utf-8")).keys() >= set(NAMES.values()):
        _write(path, path.read_text("utf-8"))
    entries = _entries(path.read_text("utf-8"))
    values = {field: entries[name] for field, name in NAMES.items()}
    for field, name in NAMES.items():
        if not ALLOWED.fullmatch(values[field]):
            raise ConfigError(
                f"{name} in '{path}' must consist of letters, digits and _.:- only. "
                "Delete the file. The next start creates a new one."
            )
    return Credentials(**values, notify_url=entries.get(NOTIFY))


def notify_url(path: Path) -> str | None:
    """Returns the address of the webhook that a file keeps, or None."""
    return _entries(path.read_text("utf-8")).get(NOTIFY) if path.exists() else None


def check_notify(path: Path, notify: str | None) -> None:
    """Raises ConfigError if the environment names another webhook than the file; shows neither."""
    if notify and notify != notify_url(path):
        raise ConfigError(
            f"{NOTIFY} in the environment differs from that in '{path}' (not shown, as both may "
            "contain a token). Unset the variable, or change the file."
        )


def _entries(text: str) -> dict[str, str]:
    lines = [line.partition("=") for line in text.splitlines()]
    return {name: value for name, _, value in lines}


def _write(path: Path, before: str) -> None:
    """Writes the content `before`, and new secrets for the names that it does not have."""
    new = {
        "PREFECT_API_AUTH_STRING": f"admin:{secrets.token_urlsafe(24)}",
        "AEFLOW_POSTGRES_PASSWORD": secrets.token_hex(24),
        "AEFLOW_REDIS_PASSWORD": secrets.token_hex(24),
    }
    lacking = [name for name in NAMES.values() if name not in _entries(before)]
    content = before + "".join(f"{name}={new[name]}\n" for name in lacking)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    unfinished.rename(path)
