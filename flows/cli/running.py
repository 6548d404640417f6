"""Carries a recipe out, in this process or as a Prefect flow, and tells what came out."""

import importlib
from datetime import UTC, datetime

from aeflow.configs import PipelineConfig
from aeflow.errors import Refused
from aeflow.progress import OnProgress
from flows import classes, recipes, retraining, settings, tuning
from flows.cli.bars import bars
from flows.cli.ending import Terminated
from flows.cli.options import Options
from flows.cli.telling import kept, tell
from flows.here import Here
from flows.listening import listening
from flows.outcome import OneClass, Outcome, Retraining, Tuned

__all__ = ["carry_out"]

FLOWS = {
    "pipeline": "flows.pipeline",
    "train_autoencoder": "flows.train_autoencoder",
    "encode_dataset": "flows.encode_dataset",
    "ingest_dataset": "flows.single_stages",
    "evaluate_model": "flows.single_stages",
    "publish_model": "flows.single_stages",
    "retrain": "flows.retrain",
    "tune": "flows.tune",
    "one_class": "flows.one_class",
}
"""The recipes, and where each is a flow of the same name and arguments."""
WRITTEN_IN = {"retrain": retraining, "tune": tuning, "one_class": classes}
OUTCOMES: dict[str, type[Outcome]] = {
    "retrain": Retraining,
    "tune": Tuned,
    "one_class": OneClass,
}


def carry_out(
    recipe: str, options: Options, *, config: PipelineConfig, **keys: str | None
) -> Outcome:
    """Carries out the recipe of that name with a config, and keys of what is stored already.

    Tells what came out, and returns it.
    """
    start = datetime.now(UTC)
    arguments = {"config": config, "store": options.url, **keys}
    with settings.quiet_terminal(), bars() as show, listening(show):
        try:
            outcome = (
                _here(recipe, options.url, config=config, **keys)
                if options.direct
                else _flow(recipe, arguments, show)
            )
        except (KeyboardInterrupt, Terminated) as signal:
            raise type(signal)(kept(options.url)) from signal
    tell(outcome, options.url, since=start, as_json=options.json)
    if isinstance(outcome, Retraining) and outcome.ending == "Refused":
        raise Refused(f"The gate refused the challenger: {outcome.reason}")
    return outcome


def _here(recipe: str, store: str, *, config: PipelineConfig, **keys: str | None) -> Outcome:
    carried_out = getattr(WRITTEN_IN.get(recipe, recipes), recipe)
    return carried_out(config, Here(store, config.runtime), **keys)


def _flow(recipe: str, arguments: dict, show: OnProgress) -> Outcome:
    with settings.importing_prefect():
        from flows.cli.server import answering_server

        flow = getattr(importlib.import_module(FLOWS[recipe]), recipe)
    with answering_server(show):
        came_out = flow(**arguments)
    return OUTCOMES.get(recipe, Outcome).model_validate(came_out)
