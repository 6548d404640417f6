"""The errors of a Prefect server that cannot be used, each with the reason and the remedy."""

import os
import re
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from prefect.settings import (
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    get_current_settings,
    load_profiles,
)

from aeflow.errors import AeflowError, ConfigError, TransientError
from flows.settings import OTHERWISE

__all__ = [
    "check_own_server",
    "check_profile",
    "check_url",
    "proxy_error",
    "server_error",
    "without_credentials",
]

EXAMPLE = "http://127.0.0.1:4200/api"
UNAUTHORISED = (401, 403)


def without_credentials(url: str) -> str:
    """Returns an address without any user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def check_profile() -> None:
    """Raises ConfigError if PREFECT_PROFILE names no profile, because Prefect would use another."""
    name = os.environ.get("PREFECT_PROFILE")
    if name is not None and name not in (names := load_profiles().names):
        raise ConfigError(
            f"PREFECT_PROFILE = '{name}' is not a Prefect profile. "
            f"Choose one of: {', '.join(sorted(names))}."
        )


def check_url(url: str) -> None:
    """Raises ConfigError if the address of a server is not a valid HTTP address."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # such as a port that is not a number
        is_address = False
    if not is_address:
        shown = re.sub("//[^/]*@", "//", url)  # it may be no URL that can be parsed
        raise ConfigError(
            f"PREFECT_API_URL = '{shown}' is not an HTTP address. Set it to an address such as "
            f"{EXAMPLE}, unset it, {OTHERWISE}"
        )


def check_own_server() -> None:
    """Creates the folder in which an embedded Prefect server keeps its runs.

    Raises ConfigError if Prefect cannot write to the folder, or may not start an embedded server.
    """
    if not PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        raise ConfigError(
            "There is no Prefect server: PREFECT_API_URL is not set, and "
            "PREFECT_SERVER_EPHEMERAL_ENABLED = false forbids an embedded one. Set "
            f"PREFECT_API_URL to an address such as {EXAMPLE}, unset "
            f"PREFECT_SERVER_EPHEMERAL_ENABLED, {OTHERWISE}"
        )
    folder = get_current_settings().home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise ConfigError(
            f"Prefect cannot write to its folder '{folder}': {reason}. Set HOME or PREFECT_HOME "
            f"to a folder that you may write to, {OTHERWISE}"
        )


def proxy_error(error: BaseException) -> ConfigError:
    """Returns the error to raise if Prefect's client cannot be created because of a proxy."""
    return ConfigError(
        f"A proxy in the environment cannot be used ({error}). Correct or unset ALL_PROXY, "
        f"HTTP_PROXY and HTTPS_PROXY, {OTHERWISE}"
    )


def server_error(url: str | None, error: BaseException) -> AeflowError:
    """Converts an error of Prefect's client to an error of aeflow, which names the reason."""
    chain = [error]
    while chain[-1].__cause__:
        chain.append(chain[-1].__cause__)
    if not url:
        return TransientError(
            f"The Prefect server that aeflow starts does not answer ({error}). Start one yourself "
            f"and set PREFECT_API_URL to its address, {OTHERWISE}"
        )
    url = without_credentials(url)
    for each in chain:
        if isinstance(each, httpx.HTTPStatusError):
            return _answer_error(url, each.response.status_code)
        if isinstance(each, httpx.TransportError):
            return _connection_error(url, each)
        if isinstance(each, ValueError):  # an answer that is not JSON
            return _answer_error(url, 200)
    return TransientError(
        f"The Prefect server at {url} cannot be used: {error}. Set PREFECT_API_URL to "
        f"another server, {OTHERWISE}"
    )


def _answer_error(url: str, status: int) -> AeflowError:
    """Returns the error for an HTTP answer that Prefect's client cannot use."""
    if status in UNAUTHORISED:
        return ConfigError(
            f"The Prefect server at {url} refuses these credentials. Set PREFECT_API_AUTH_STRING "
            f"to the server's user:password (PREFECT_API_KEY for Prefect Cloud), {OTHERWISE}"
        )
    if status >= 500:
        return TransientError(
            f"The Prefect server at {url} fails with HTTP {status}. Look into its log and try "
            f"again, {OTHERWISE}"
        )
    if not urlsplit(url).path.rstrip("/").endswith("/api"):
        return ConfigError(
            f"The address of a Prefect server ends in /api, and {url} does not. "
            f"Set PREFECT_API_URL to {url.rstrip('/')}/api, {OTHERWISE}"
        )
    return ConfigError(
        f"The server at {url} is not a Prefect server. Set PREFECT_API_URL to an address such as "
        f"{EXAMPLE}, {OTHERWISE}"
    )


def _connection_error(url: str, error: httpx.TransportError) -> AeflowError:
    """Returns the error for a server that does not answer, with the name of the proxy if any."""
    parts = urlsplit(url)
    host, proxies = parts.hostname or "", getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(host):
        proxy = without_credentials(proxy)
        return TransientError(
            f"The Prefect server at {url} does not answer through the proxy {proxy} ({error}). "
            f"Add {host} to NO_PROXY, repair the proxy, {OTHERWISE}"
        )
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return ConfigError(
            f"PREFECT_API_URL names the machine '{host}', which is not known here ({error}). "
            f"Set it to an address such as {EXAMPLE}, {OTHERWISE}"
        )
    return TransientError(
        f"The Prefect server at {url} does not answer ({error or type(error).__name__}). Start it, "
        f"set PREFECT_API_URL to another server, {OTHERWISE}"
    )
