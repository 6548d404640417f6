"""The command line `aeflow`. Its commands are listed here and imported when they are called."""

import inspect
import io
import os
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from aeflow.compute.output import flush_output
from aeflow.errors import ConfigError
from flows.cli.ending import exit_code_of, terminated

__all__ = ["app", "main"]

EXIT_CODES = {
    0: "Done, or there was nothing to do.",
    1: "The run failed, for example because of damaged files, a full disk or a passed deadline.",
    2: "A mistake in the call: a wrong option, a wrong source, or features of different models.",
    3: "The gate refused a model.",
    4: "Something needs a person: `aeflow status` names it.",
    130: "Stopped by Ctrl-C (143: by SIGTERM). Run it again to go on from there.",
}

COMMANDS = {
    "run": "Ingest, train, evaluate, encode and publish.",
    "ingest": "Prepare a dataset from a source.",
    "train": "Train a model on a dataset and evaluate it.",
    "evaluate": "Evaluate a stored model.",
    "one-class": "Train a model on each label, and measure how well it detects other labels.",
    "encode": "Encode data with a stored model, into Parquet.",
    "backfill": "Encode a dated source, day by day.",
    "publish": "Publish a stored model: a report, and files for TensorBoard.",
    "tune": "Search for better options, and write the best options as a config.",
    "retrain": "Train a model if one is due, and promote it if it passes the gate.",
    "status": "Show how the last night of each dataset went, and what needs a person.",
    "models": "List the models of a store with their metrics, and mark the champions.",
    "features": "List the feature sets of a store, and mark the current one of each dataset.",
    "neighbours": "Find the rows with the latents nearest to those of one row, and draw them.",
    "promote": "Make a model the champion of its dataset, if it passes the gate.",
    "rollback": "Make the previous champion of a dataset its champion again.",
    "prune": "Remove artifacts that no alias, no recent model and no run needs any more.",
    "show": "Show an artifact and what it was made from.",
    "verify": "Read every byte of an artifact, and report what is wrong.",
    "tensorboard": "Start TensorBoard on the contents of a store.",
    "config": "Print every option with its default and description, as a TOML file.",
    "info": "Print versions, devices, the store, the Prefect server, and what to do next.",
}


def _version() -> str:
    from importlib.metadata import version

    return version("aeflow")


app = App(
    name="aeflow",
    help="Learned features of your data, kept fresh: autoencoders, into Parquet.",
    help_format="plaintext",
    help_epilogue="\n".join(
        ["Exit codes:", *(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())]
    ),
    version=_version,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for place, (name, summary) in enumerate(COMMANDS.items()):
    module = name.replace("-", "_")
    app.command(f"flows.cli.{module}:{module}", name=name, help=summary, sort_key=place)


def main(tokens: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. If the command fails, one line says why."""
    try:
        _settle_text()
        _settle_python()
        _describe(sys.argv[1:] if tokens is None else tokens)
        with terminated():
            code = app(tokens, print_error=False, exit_on_error=False)
        flush_output()
    except CycloptsError as error:
        print(f"aeflow: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BaseException as error:
        return exit_code_of(error)
    return code or 0


def _describe(tokens: Sequence[str]) -> None:
    """Makes `COMMAND --help` show the command's docstring instead of its line in COMMANDS."""
    if tokens and tokens[0] in COMMANDS and {"--help", "-h"} & {*tokens}:
        command = app[tokens[0]]
        paragraphs = (inspect.getdoc(command.default_command) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _settle_python() -> None:
    """Overrides settings from the shell that are for other programs or that break imports."""
    os.environ["MPLBACKEND"] = "agg"  # a notebook's shell may name one that is not installed
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.simplefilter("ignore")


def _settle_text() -> None:
    """Makes the output streams escape the characters that their encoding does not have.

    Raises ConfigError if Python does not read file names as UTF-8, because file names and labels
    are UTF-8 in a store.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if (encoding := sys.getfilesystemencoding()) != "utf-8":
        raise ConfigError(
            f"File names must be UTF-8, but Python reads them as {encoding} here. Set PYTHONUTF8=1."
        )
