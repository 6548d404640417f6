"""One trial of a study: a training that is recorded each epoch, and ended if it lags behind."""

import logging
import time
from dataclasses import dataclass, replace

from aeflow.artifacts import Dataset, Model
from aeflow.configs import PipelineConfig
from aeflow.errors import ConfigError, DivergedTraining, PrunedTrial
from aeflow.lineage import Question
from aeflow.progress import OnProgress, Progress
from aeflow.stages import Context, Stage
from aeflow.storage import Store
from aeflow.storage.removal import remove_draft, remove_log
from aeflow.tuning.proposing import check_optuna
from aeflow.tuning.spaces import with_values
from aeflow.tuning.studies import Study
from aeflow.tuning.trials import Trial

__all__ = ["run_trial"]

logger = logging.getLogger(__name__)


def run_trial(
    dataset: Dataset,
    config: PipelineConfig,
    context: Context,
    *,
    number: int,
    seconds: float | None,
    train: Stage[..., Model],
) -> Trial:
    """Returns the trial with that number. If it has not ended, first trains a model with `train`.

    A training that takes more than `seconds` is stopped, and its trial stays in the state
    "running". The next call resumes from the checkpoint. If a trial lags behind or diverges, only
    its record is kept. Raises ConfigError if trial 0, the initial config, cannot be trained.
    """
    check_optuna()
    store = context.store
    study = Study(dataset, config, store)
    trial = study.trial(number)
    if trial.state != "running":
        return trial
    trial_config = with_values(config, trial.values)
    question = train.question(dataset, trial_config.train, model_config=trial_config.model)
    watch = _Watch(study, trial, context.on_progress, _end_of(seconds))
    try:
        watch.check()
        watched_context = replace(context, on_progress=watch.report)
        model = train(watched_context, dataset, trial_config.train, model_config=trial_config.model)
        outcome = {
            "state": "complete",
            "loss": model.validation_loss,
            "losses": _history(model, store),
            "model": model,
        }
    except PrunedTrial as reason:
        if not watch.lags:
            return watch.trial
        outcome = {"state": "pruned", "reason": str(reason), "loss": _last(watch.trial)}
    except (DivergedTraining, ConfigError) as error:
        if number == 0 and isinstance(error, ConfigError):
            raise
        outcome = {"state": "failed", "reason": str(error)}
    trial = watch.trial.model_copy(update=outcome)
    if trial.model is None:
        _clear(store, question)
    study.keep(trial)
    loss_text = "" if trial.loss is None else f", validation loss {trial.loss:.4g}"
    logger.info("tune: trial %d %s%s", number, trial.state, loss_text)
    return trial


@dataclass
class _Watch:
    """Stores the losses of a trial after each epoch; ends a trial that lags or has no time left."""

    study: Study
    trial: Trial
    on_progress: OnProgress
    end: float
    lags: bool = False

    def report(self, progress: Progress) -> None:
        is_measured = progress.epoch and progress.epoch not in self.trial.losses
        if is_measured:
            loss = progress.metrics["validation_loss"]
            losses = {**self.trial.losses, progress.epoch: loss}
            self.trial = self.trial.model_copy(update={"losses": losses})
            self.study.keep(self.trial)
        self.on_progress(replace(progress, stage=f"trial {self.trial.number}"))
        if is_measured and progress.done < progress.total:  # a complete trial is kept
            self.check()
        if time.monotonic() > self.end:
            raise PrunedTrial(f"No time is left for trial {self.trial.number}.")

    def check(self) -> None:
        self.lags = bool(self.trial.losses) and self.study.lags(self.trial)
        if self.lags:
            raise PrunedTrial(f"Worse than the median after {len(self.trial.losses)} epochs.")


def _end_of(seconds: float | None) -> float:
    return float("inf") if seconds is None else time.monotonic() + seconds


def _history(model: Model, store: Store) -> dict[int, float]:
    """Reads the validation losses by epoch from a stored model, which may be an earlier run's."""
    import pyarrow.parquet as pq  # every command imports this module

    path = store.reading(model, ["history.parquet"]) / "history.parquet"
    history = pq.read_table(path, columns=["epoch", "validation_loss"]).to_pydict()
    return dict(zip(history["epoch"], history["validation_loss"], strict=True))


def _last(trial: Trial) -> float:
    return trial.losses[max(trial.losses)]


def _clear(store: Store, question: Question) -> None:
    """Removes the checkpoint and the log of a training that is not resumed."""
    name = f"{question.address}.partial"
    if store.files.exists(name):
        remove_draft(store.files, name, unused_since=float("inf"))
    remove_log(store.files, f"logs/{question.key}", model=question.address)
