"""The best trial of a study: its config as TOML, and its gain over the initial config."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Dataset
from aeflow.configs import PipelineConfig, TuneConfig
from aeflow.configs.writing import to_toml
from aeflow.errors import AeflowError
from aeflow.storage import Store
from aeflow.tuning.spaces import with_values
from aeflow.tuning.studies import Study
from aeflow.tuning.trials import Trial

__all__ = ["Best", "best_of"]


class Best(BaseModel):
    """Describes the best trial, compared with trial 0, which is the initial config of the study."""

    model_config = ConfigDict(frozen=True)

    number: int
    loss: float
    first_loss: float | None
    changed: dict[str, Any]
    trials: dict[str, int]
    toml: str
    path: str

    def sentence(self) -> str:
        """Returns one line: the best trial, and how much better it is than the initial config."""
        counts = ", ".join(f"{count} {state}" for state, count in self.trials.items())
        start = f"Best of {sum(self.trials.values())} trials ({counts}): "
        if self.number == 0:
            return f"{start}the initial config, validation loss {self.loss:.4g}."
        changed = ", ".join(f"{place} = {_shown(value)}" for place, value in self.changed.items())
        if self.first_loss is None:
            comparison = "while the initial config diverged"
        else:
            percent = 100 * (1 - self.loss / self.first_loss) if self.first_loss else 0.0
            comparison = f"{percent:.1f}% less than the {self.first_loss:.4g} of the initial config"
        return (
            f"{start}trial {self.number}, validation loss {self.loss:.4g}, {comparison}: {changed}."
        )


def best_of(dataset: Dataset, config: PipelineConfig, store: Store) -> Best:
    """Writes the best config of a study to `best.toml`, and describes the best trial.

    The file lies next to the study's trials. Raises AeflowError if no trial is complete.
    """
    study = Study(dataset, config, store)
    finished_trials = study.finished()[: config.tune.trials]
    complete_trials = [
        trial for trial in finished_trials if trial.loss is not None and trial.state == "complete"
    ]
    if not complete_trials:
        raise AeflowError(
            f"None of the study's {len(finished_trials)} finished trials is complete. Run the "
            "study again, with more time or more trials, to continue it."
        )
    best_trial = min(complete_trials, key=lambda trial: (trial.loss, trial.number))
    first_trial = finished_trials[0]
    best_config = with_values(config, best_trial.values).model_copy(update={"tune": TuneConfig()})
    best_values, first_values = _plain(best_trial), _plain(first_trial)
    best = Best(
        number=best_trial.number,
        loss=best_trial.loss,  # pyright: ignore[reportArgumentType]
        first_loss=first_trial.loss if first_trial.state == "complete" else None,
        changed={p: v for p, v in best_values.items() if v != first_values[p]},
        trials=_counts(finished_trials),
        toml=to_toml(best_config),
        path="",
    )
    comment = "".join(f"# {line}\n" for line in (best.sentence(), "aeflow run --config FILE"))
    toml = f"{comment}\n{best.toml}"
    return best.model_copy(update={"toml": toml, "path": study.write("best.toml", toml)})


def _counts(trials: list[Trial]) -> dict[str, int]:
    states = [trial.state for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _plain(trial: Trial) -> dict[str, Any]:
    return trial.model_dump(mode="json")["values"]


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
