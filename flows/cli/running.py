"""The run of a recipe in this process or as a Prefect flow, and the report of its outcome."""

import importlib
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from aeflow.configs import PipelineConfig
from aeflow.errors import Refused
from aeflow.progress import OnProgress
from flows import settings
from flows.cli.bars import stage_bars
from flows.cli.ending import Terminated
from flows.cli.options import Options
from flows.cli.printing import print_outcome, stopped_line
from flows.recipes.here import Here
from flows.recipes.outcome import Outcome, Retraining

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
"""Maps a recipe's name to the module of its flow. `flow_of` makes flows of all other recipes."""

R = TypeVar("R", bound=Outcome)


def carry_out(
    recipe: Callable[..., R], options: Options, *, config: PipelineConfig, **keys: str | None
) -> R:
    """Carries out a recipe with a config and with keys of stored artifacts.

    Prints the outcome and returns it. Raises Refused if a challenger was refused or held.
    """
    start = datetime.now(UTC)
    with stage_bars() as show:
        try:
            if options.direct:
                outcome = recipe(config, Here(options.url, config.runtime), **keys)
            else:
                arguments = {"config": config, "store": options.url, **keys}
                outcome = _as_flow(recipe, arguments, show)
        except (KeyboardInterrupt, Terminated) as signal:
            raise type(signal)(stopped_line(options.url)) from signal
    print_outcome(outcome, options.url, since=start, as_json=options.json)
    if isinstance(outcome, Retraining) and outcome.ending == "Refused":
        raise Refused(f"The gate refused the challenger: {outcome.reason}")
    if isinstance(outcome, Retraining) and outcome.ending == "Held":
        raise Refused(f"The challenger is held: {outcome.reason}")
    return outcome


def _as_flow(recipe: Callable[..., R], arguments: dict[str, Any], show: OnProgress) -> R:
    name = recipe.__name__
    with settings.importing_prefect():
        from flows.cli.server import answering_server

        if name in FLOWS:
            flow = getattr(importlib.import_module(FLOWS[name]), name)
        else:
            from flows.train_autoencoder import flow_of

            flow = flow_of(recipe)
    with answering_server(show):
        answer = flow(**arguments)
    return inspect.signature(recipe).return_annotation.model_validate(answer)
