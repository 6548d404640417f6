"""What tuning does, in order: with tasks it is a Prefect flow, without them plain Python."""

import time
from collections.abc import Callable

from aeflow.artifacts import Dataset
from aeflow.configs import PipelineConfig
from aeflow.storage import Store
from aeflow.tuning import Trial, best_of, check_optuna, run_trial
from flows.listening import heard
from flows.outcome import Tuned
from flows.recipes import Stages
from flows.stored import absolute

__all__ = ["make_trial", "tune"]


def make_trial(
    dataset: Dataset, config: PipelineConfig, store: str, *, number: int, seconds: float | None
) -> Trial:
    """Makes one trial of a study, or finds it made."""
    from aeflow import training

    with heard() as on_progress:
        return run_trial(
            dataset,
            config,
            Store(store),
            number=number,
            seconds=seconds,
            train=training.train,
            question_of=training.training_question,
            on_progress=on_progress,
        )


def tune(
    config: PipelineConfig,
    store: str,
    *,
    stages: Stages,
    trial: Callable[..., Trial] = make_trial,
) -> Tuned:
    """Ingests, and makes the trials of a study that are still to be made, one after the other."""
    check_optuna()
    store, settings = absolute(store), config.tune
    end = settings.timeout_seconds and time.monotonic() + settings.timeout_seconds
    dataset = stages.ingest(config.ingest, store, runtime=config.runtime)
    for number in range(settings.trials):
        left = end and max(0.0, end - time.monotonic())
        made = trial(dataset, config, store, number=number, seconds=left)
        if made.state == "running":
            break
    best = best_of(dataset, config, Store(store))
    return Tuned(dataset=dataset, best=best)
