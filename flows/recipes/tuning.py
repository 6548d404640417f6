"""The steps of tuning, run as Prefect tasks or as plain Python."""

import time
from collections.abc import Callable

from aeflow.artifacts import Dataset
from aeflow.configs import PipelineConfig
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from aeflow.tuning import Trial, best_of, check_optuna, run_trial
from flows.recipes.outcome import Tuned
from flows.recipes.runner import Runner
from flows.server.listening import stage_context

__all__ = ["make_trial", "tune"]


def make_trial(
    dataset: Dataset, config: PipelineConfig, store: str, *, number: int, seconds: float | None
) -> Trial:
    """Runs one trial of a study, or returns the trial from the store if it has ended already."""
    with stage_context(store, config.runtime) as context:
        return run_trial(dataset, config, context, number=number, seconds=seconds, train=train)


def tune(
    config: PipelineConfig, runner: Runner, *, trial: Callable[..., Trial] = make_trial
) -> Tuned:
    """Ingests a source, and runs the missing trials of a study one after the other."""
    check_optuna()
    settings = config.tune
    end = settings.timeout_seconds and time.monotonic() + settings.timeout_seconds
    dataset = runner.run(ingest, config.ingest)
    for number in range(settings.trials):
        remaining_seconds = end and max(0.0, end - time.monotonic())
        result = trial(dataset, config, runner.store, number=number, seconds=remaining_seconds)
        if result.state == "running":
            break
    best = best_of(dataset, config, Store(runner.store))
    return Tuned(dataset=dataset, best=best)
