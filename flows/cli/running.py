"""Carries a recipe out, in this process or as a Prefect flow, and tells what came out."""

import importlib
from datetime import UTC, datetime

from aeflow.configs import PipelineConfig
from aeflow.progress import OnProgress
from flows import recipes, settings
from flows.cli.bars import bars
from flows.cli.ending import Terminated
from flows.cli.options import Options
from flows.cli.telling import kept, tell
from flows.listening import listening
from flows.outcome import Outcome

__all__ = ["carry_out"]

FLOWS = {
    "pipeline": "flows.pipeline",
    "train_autoencoder": "flows.train_autoencoder",
    "encode_dataset": "flows.encode_dataset",
    "ingest_dataset": "flows.single_stages",
    "evaluate_model": "flows.single_stages",
    "publish_model": "flows.single_stages",
}
"""The recipes, and where each is a flow of the same name and arguments."""


def carry_out(recipe: str, options: Options, *, config: PipelineConfig, **keys: str | None) -> None:
    """Carries out the recipe of that name with a config, and keys of what is stored already."""
    start = datetime.now(UTC)
    arguments = {"config": config, "store": options.url, **keys}
    with settings.quiet_terminal(), bars() as show, listening(show):
        try:
            outcome = _here(recipe, arguments) if options.direct else _flow(recipe, arguments, show)
        except (KeyboardInterrupt, Terminated) as signal:
            raise type(signal)(kept(options.url)) from signal
    tell(outcome, options.url, since=start, as_json=options.json)


def _here(recipe: str, arguments: dict) -> Outcome:
    from flows.stages import STAGES

    return getattr(recipes, recipe)(**arguments, stages=STAGES)


def _flow(recipe: str, arguments: dict, show: OnProgress) -> Outcome:
    from flows.cli.server import answering_server

    flow = getattr(importlib.import_module(FLOWS[recipe]), recipe)
    with answering_server(show):
        return Outcome.model_validate(flow(**arguments))
