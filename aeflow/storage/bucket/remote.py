"""Object stores by their addresses, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.

Credentials come only from the environment. Each failure is reported in one line. A mistake of the
caller raises ConfigError. A failure that may pass raises TransientError after two minutes of
retries.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aeflow.errors import ConfigError, TransientError

__all__ = ["RETRY_SECONDS", "Remote", "checked_url", "is_remote"]

SCHEMES = ("s3", "gs", "memory")
RETRY_SECONDS = 120.0
"""How long a call is retried. Leases and drafts survive a shorter loss of the connection."""
LONGEST_PAUSE_SECONDS = 3.0
CREDENTIALS = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ),
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_SKIP_SIGNATURE",
    ),
}
"""Environment variables with credentials, by scheme.

At least one of them must be set. Otherwise obstore would wait for the role of a cloud machine.
"""
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403 Forbidden")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

T = TypeVar("T")


def is_remote(url: str) -> bool:
    """Returns whether an address is that of an object store."""
    return url.partition("://")[0] in SCHEMES and "://" in url


def checked_url(url: str) -> str:
    """Returns the address without slashes at the end.

    Raises ConfigError if the address holds secrets or options, or names no bucket.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        variable = CREDENTIALS.get(parts.scheme, CREDENTIALS["s3"])[0]
        raise ConfigError(
            f"An address such as '{parts.scheme}://BUCKET/PREFIX' must not contain a user, a "
            f"password or options. Give only '{parts.scheme}://BUCKET/PREFIX', and set credentials "
            f"in environment variables such as {variable}."
        )
    if not parts.netloc:
        raise ConfigError(f"'{url}' names no bucket. Write {parts.scheme}://BUCKET/PREFIX.")
    return url.rstrip("/")


class Remote:
    """Calls one object store, and retries calls if the connection is lost."""

    def __init__(self, url: str):
        try:
            import obstore
        except ImportError as error:
            raise ConfigError(
                f"'{url}' needs the library obstore: pip install 'aeflow[s3]'."
            ) from error
        self.url = url
        self.api: Any = obstore
        self.errors: Any = obstore.exceptions
        self._store = _open_store(url)

    def ask(self, verb: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Calls a function of obstore with this store, and returns its result.

        FileNotFoundError and the errors of conditional writes (`AlreadyExistsError`,
        `PreconditionError`) are raised at once, because the caller expects them.
        """
        end, tries = time.monotonic() + RETRY_SECONDS, 0
        while True:
            try:
                return verb(self._store, *arguments, **options)
            except (self.errors.AlreadyExistsError, self.errors.PreconditionError):
                raise
            except (FileNotFoundError, self.errors.BaseError, ValueError) as error:
                mistake = self._mistake(error)
                if mistake:
                    raise mistake from error
                if isinstance(error, FileNotFoundError | ValueError):
                    raise
                if time.monotonic() > end:
                    raise TransientError(
                        f"'{self.url}' did not answer for {RETRY_SECONDS:g} s: {_reason(error)}. "
                        "Run again when the store answers: finished work is kept."
                    ) from error
            tries += 1
            time.sleep(min(LONGEST_PAUSE_SECONDS, 0.1 * 2**tries) * random.uniform(0.5, 1))

    def _mistake(self, error: Exception) -> ConfigError | None:
        text, bucket = str(error), f"{urlsplit(self.url).scheme}://{urlsplit(self.url).netloc}"
        if "NoSuchBucket" in text:
            return ConfigError(f"There is no bucket '{bucket}'. Create it, or name another one.")
        is_refusal = isinstance(
            error, self.errors.PermissionDeniedError | self.errors.UnauthenticatedError
        )
        if is_refusal or any(sign in text for sign in REFUSED):
            why = next((sign for sign in REFUSED if sign in text), "access denied")
            return ConfigError(
                f"'{bucket}' refuses the credentials in the environment ({why}). Give credentials "
                "that may read and write there."
            )
        return None


def _reason(error: Exception) -> str:
    """Returns the first line of obstore's error, which leaves out its list of attempts."""
    return str(error).partition("\n\n")[0].strip().splitlines()[0].rstrip(".")


def _open_store(url: str) -> Any:
    from obstore.store import GCSStore, MemoryStore, S3Store

    parts = urlsplit(url)
    if parts.scheme == "memory":
        return _in_memory(url, MemoryStore)
    options: dict[str, Any] = {
        "client_options": {
            "connect_timeout": "5s",
            "read_timeout": "30s",
            "timeout": "1h",
            "allow_http": _is_loopback(os.environ.get("AWS_ENDPOINT_URL", "")),
        },
        "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
    }
    _check_credentials(url)
    if parts.scheme == "gs":
        return GCSStore.from_url(url, **options)
    if not {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
        options["config"] = {"region": "us-east-1"}
    return S3Store.from_url(url, **options)


@cache
def _in_memory(url: str, kind: Callable[[], Any]) -> Any:
    return kind()


def _is_loopback(endpoint: str) -> bool:
    return urlsplit(endpoint).hostname in LOOPBACK


def _check_credentials(url: str) -> None:
    variables = CREDENTIALS[urlsplit(url).scheme]
    if not any(os.environ.get(name) for name in variables):
        raise ConfigError(
            f"There are no credentials for '{url}' in the environment. Set {variables[0]} and the "
            "variables that it needs."
        )
