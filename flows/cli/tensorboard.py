"""`aeflow tensorboard`: TensorBoard with the publications and the live logs of a store."""

import threading
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter

from aeflow.errors import ConfigError, TransientError
from aeflow.storage import Store
from flows import settings
from flows.cli.options import StoreOption

__all__ = ["tensorboard"]

FOLDERS = ("publications", "logs")
MIRROR_SECONDS = 15.0
"""If the store is remote, its new files are copied to this machine at this interval."""


def tensorboard(
    *,
    store: StoreOption = "./aeflow-store",
    port: Annotated[int, Parameter(help="Port on this machine; 0 takes a free one.")] = 6006,
) -> None:
    """Starts TensorBoard for this machine only. Ctrl-C stops it."""
    files = Store(store).files
    if not any(files.exists(folder) for folder in FOLDERS):
        raise ConfigError(f"Nothing is published in '{files.shown('')}'. Run `aeflow run` first.")
    with settings.quiet_terminal():
        logdir = str(files.mirrored(FOLDERS))
        print(f"TensorBoard on {_start(logdir, port)} (Ctrl-C stops it)", flush=True)
        with suppress(KeyboardInterrupt):
            while not threading.Event().wait(MIRROR_SECONDS):
                with suppress(TransientError):  # the store may answer next time
                    files.mirrored(FOLDERS)


def _start(logdir: str, port: int) -> str:
    """Starts TensorBoard on a store, and returns its URL.

    TensorBoard looks for its files in the whole store, but only publications and logs have some.
    """
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(logdir=logdir, host="127.0.0.1", port=port, load_fast="false")
    try:
        return server.launch()
    except program.TensorBoardServerException as error:
        raise ConfigError(f"Cannot start TensorBoard: {error}. Choose another --port.") from error
