"""Prefect's environment, set before its import; and quiet on the terminal."""

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

OTHERWISE = "or add --direct to do without Prefect."
"""The remedy that always works, at the end of what Prefect cannot do here."""
LOGGING = Path(__file__).with_name("logging.yml")

ENVIRONMENT = {
    # An embedded server takes longer than Prefect's 20 s to start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # Where the active profile names no server, one is embedded.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    # Nobody is told that a run took place.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Artifacts are plain JSON; Prefect's own choice is pickle.
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}


def set_environment() -> None:
    """Sets what is not set yet, so that the user's environment and profile win.

    A server on this machine is asked directly, whatever proxy there is.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.update(without_proxy(os.environ))
    # Only a server of our own needs that folder, and then an error says so.
    warnings.filterwarnings("ignore", "Failed to create the Prefect home", UserWarning)


@contextmanager
def importing_prefect() -> Iterator[None]:
    """Lets Prefect be imported in the block. Raises ConfigError if its surroundings forbid that."""
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
            raise ConfigError(f"{name} = '{path}' does not exist. Mend or unset it, {OTHERWISE}")
    try:
        yield
    except ValidationError as error:
        first, *_ = error.errors()
        raise ConfigError(
            f"Prefect refuses its setting {'.'.join(map(str, (error.title, *first['loc'])))} = "
            f"'{first['input']}': {first['msg']}. Mend it in the environment, in a variable that "
            f"begins with PREFECT_, or in Prefect's profile, {OTHERWISE}"
        ) from error


@contextmanager
def quiet_terminal() -> Iterator[None]:
    """Keeps Prefect's and TensorFlow's chatter off the terminal; the run's log loses nothing.

    TensorFlow 2.21 writes to file descriptor 2 before it reads any setting, so that is turned away
    and Python's standard error goes on without it. Who sets TF_CPP_MIN_LOG_LEVEL sees it all.
    """
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(LOGGING))
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or not _is_descriptor_2(sys.stderr):
        yield
        return
    encoding = sys.stderr.encoding
    terminal = os.fdopen(os.dup(2), "w", 1, encoding=encoding, errors="backslashreplace")
    before, sys.stderr = sys.stderr, terminal
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    faulthandler.enable(terminal)  # what kills the process is still told
    try:
        yield
    finally:
        faulthandler.disable()
        terminal.flush()
        os.dup2(terminal.fileno(), 2)
        sys.stderr = before


def _is_descriptor_2(stream: object) -> bool:
    try:
        return isinstance(stream, io.TextIOBase) and stream.fileno() == 2
    except OSError:  # replaced by something in memory
        return False
