"""`aeflow tensorboard`: TensorBoard over a store's publications and live logs."""

import threading
from typing import Annotated

from cyclopts import Parameter

from aeflow.errors import ConfigError
from aeflow.storage import Store
from flows import settings
from flows.cli.options import StoreOption

__all__ = ["tensorboard"]


def tensorboard(
    *,
    store: StoreOption = "./aeflow-store",
    port: Annotated[int, Parameter(help="Port on this machine; 0 takes a free one.")] = 6006,
) -> None:
    """Starts TensorBoard, for this machine only, until Ctrl-C."""
    root = Store(store).root
    if not any((root / folder).is_dir() for folder in ("publications", "logs")):
        raise ConfigError(f"Nothing is published in '{root}'. Run `aeflow run` first.")
    with settings.quiet_terminal():
        print(f"TensorBoard on {_started(str(root), port)} (Ctrl-C stops it)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _started(logdir: str, port: int) -> str:
    """Starts a server on the whole store: only publications and logs have files for TensorBoard."""
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(logdir=logdir, host="127.0.0.1", port=port, load_fast="false")
    try:
        return server.launch()
    except program.TensorBoardServerException as error:
        raise ConfigError(f"Cannot start TensorBoard: {error}. Choose another --port.") from error
