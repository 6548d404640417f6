"""A Redis server for this service only: the state that several servers share, kept on restart."""

import hashlib
import os
import pwd
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.settings import HOST

__all__ = ["Redis", "account"]

SECONDS_TO_ANSWER = 5.0


@dataclass(frozen=True)
class Redis:
    """Holds an installed Redis, the folder of its data, and the user that it runs as."""

    binary: Path
    folder: Path
    port: int
    user: str | None

    @property
    def command(self) -> tuple[str, ...]:
        """The command that starts Redis in the foreground. It does not contain the password."""
        return (str(self.binary), str(self.folder / "redis.conf"))

    def url(self, password: str) -> str:
        """Returns the URL of Redis, including the password."""
        return f"redis://default:{password}@{HOST}:{self.port}/0"

    def prepare(self, password: str) -> None:
        """Writes the settings of Redis to a file, with a hash of the password in its place."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        settings = self.folder / "redis.conf"
        settings.write_text(self._settings(password), "utf-8")
        settings.chmod(0o600)
        if self.user:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, self.user)

    def is_ready(self, password: str) -> bool:
        """Returns whether Redis accepts the password and has loaded its data."""
        with (
            suppress(OSError),
            socket.create_connection((HOST, self.port), SECONDS_TO_ANSWER) as connection,
        ):
            connection.sendall(f"AUTH default {password}\r\nPING\r\nQUIT\r\n".encode())
            response = b""
            while chunk := connection.recv(1024):
                response += chunk
            return b"+PONG" in response
        return False

    def _settings(self, password: str) -> str:
        lines = {
            "bind": HOST,
            "port": self.port,
            "dir": f'"{self.folder}"',
            # The state of the servers' periodic services must survive if Redis is killed. If it is
            # lost, nothing is scheduled until the servers restart, and no error is reported.
            "appendonly": "yes",
            "save": '""',
            "user": f"default on #{hashlib.sha256(password.encode()).hexdigest()} ~* &* +@all",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())


def account(*names: str) -> str | None:
    """Returns the first existing user of `names`, or None if root does not start the service."""
    if os.geteuid() != 0:
        return None
    user_names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in names if name in user_names), None)
