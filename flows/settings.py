"""Prefect's environment variables, set before Prefect is imported, and a quiet terminal."""

import faulthandler
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aeflow.compute.proxies import without_proxy
from aeflow.errors import ConfigError

__all__ = ["OTHERWISE", "importing_prefect", "quiet_terminal", "set_environment"]

OTHERWISE = "or add --direct to run without Prefect."
"""The remedy that always works. Every error message about Prefect's setup ends with it."""
LOGGING = Path(__file__).with_name("logging.yml")

ENVIRONMENT = {
    # An embedded server takes longer than Prefect's 20 s to start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # If the active profile names no server, Prefect starts an embedded one.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    # No telemetry about runs is sent.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Artifacts are plain JSON; Prefect's default is pickle.
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}


def set_environment() -> None:
    """Sets the variables of ENVIRONMENT that the user's environment does not set.

    Requests to a server on this machine bypass any proxy.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.update(without_proxy(os.environ))
    # Only an embedded server needs Prefect's home, and `check_own_server` checks that folder.
    warnings.filterwarnings("ignore", "Failed to create the Prefect home", UserWarning)


@contextmanager
def importing_prefect() -> Iterator[None]:
    """Wraps the import of Prefect. Raises ConfigError if the environment prevents the import."""
    from pydantic import ValidationError

    try:
        Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "Prefect needs a home folder, and this user has none. Set HOME to a folder that you "
            f"may write to, {OTHERWISE}"
        ) from error
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = os.environ.get(name)
        if path and not Path(path).exists():
            raise ConfigError(
                f"{name} names '{path}', which does not exist. Correct or unset {name}, {OTHERWISE}"
            )
    try:
        yield
    except ValidationError as error:
        first, *_ = error.errors()
        raise ConfigError(
            f"Prefect refuses its setting {'.'.join(map(str, (error.title, *first['loc'])))} = "
            f"'{first['input']}': {first['msg']}. Correct Prefect's profile or the environment "
            f"variable of this setting, which begins with PREFECT_; {OTHERWISE}"
        ) from error


@contextmanager
def quiet_terminal() -> Iterator[None]:
    """Hides the log lines of Prefect and TensorFlow on the terminal, but not in the run's log.

    TensorFlow 2.21 writes to file descriptor 2 before it reads any setting. Within the block, this
    descriptor is therefore redirected to the null device, and Python's standard error has another
    descriptor. If TF_CPP_MIN_LOG_LEVEL is set, nothing is redirected.
    """
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(LOGGING))
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or not _is_descriptor_2(sys.stderr):
        yield
        return
    encoding = sys.stderr.encoding
    terminal = os.fdopen(os.dup(2), "w", 1, encoding=encoding, errors="backslashreplace")
    previous_stderr, sys.stderr = sys.stderr, terminal
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    faulthandler.enable(terminal)  # a fatal signal still prints its traceback
    try:
        yield
    finally:
        faulthandler.disable()
        terminal.flush()
        os.dup2(terminal.fileno(), 2)
        sys.stderr = previous_stderr


def _is_descriptor_2(stream: object) -> bool:
    try:
        return isinstance(stream, io.TextIOBase) and stream.fileno() == 2
    except OSError:  # replaced by a stream in memory
        return False
