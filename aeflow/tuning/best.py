"""The best trial of a study: its config as TOML, and by how much it is better than the default."""

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
    """Says which trial was best, beside trial 0, which is the config that the study began with."""

    model_config = ConfigDict(frozen=True)

    number: int
    loss: float
    first_loss: float | None
    changed: dict[str, Any]
    trials: dict[str, int]
    toml: str
    path: str

    def sentence(self) -> str:
        """Says in one line what was best, and how much better than what the study began with."""
        counts = ", ".join(f"{count} {state}" for state, count in self.trials.items())
        start = f"Best of {sum(self.trials.values())} trials ({counts}): "
        if self.number == 0:
            return f"{start}the config as it is, validation loss {self.loss:.4g}."
        changed = ", ".join(f"{place} = {_shown(value)}" for place, value in self.changed.items())
        if self.first_loss is None:
            beside = "where the config as it is diverged"
        else:
            less = 100 * (1 - self.loss / self.first_loss) if self.first_loss else 0.0
            beside = f"{less:.1f}% less than {self.first_loss:.4g} of the config as it is"
        return f"{start}trial {self.number}, validation loss {self.loss:.4g}, {beside}: {changed}."


def best_of(dataset: Dataset, config: PipelineConfig, store: Store) -> Best:
    """Writes the best config of a study beside its trials, `best.toml`, and says what it is.

    Raises AeflowError where no trial is complete.
    """
    study = Study(dataset, config, store)
    finished = study.finished()[: config.tune.trials]
    complete = [trial for trial in finished if trial.loss is not None and trial.state == "complete"]
    if not complete:
        raise AeflowError(
            f"Of {len(finished)} finished trials none is complete. Run it again to go on, with "
            "more time or more trials."
        )
    best = min(complete, key=lambda trial: (trial.loss, trial.number))
    first = finished[0]
    chosen = with_values(config, best.values).model_copy(update={"tune": TuneConfig()})
    best_values, first_values = _plain(best), _plain(first)
    told = Best(
        number=best.number,
        loss=best.loss,  # pyright: ignore[reportArgumentType]
        first_loss=first.loss if first.state == "complete" else None,
        changed={p: v for p, v in best_values.items() if v != first_values[p]},
        trials=_counts(finished),
        toml=to_toml(chosen),
        path="",
    )
    comment = "".join(f"# {line}\n" for line in (told.sentence(), "aeflow run --config FILE"))
    toml = f"{comment}\n{told.toml}"
    return told.model_copy(update={"toml": toml, "path": study.write("best.toml", toml)})


def _counts(trials: list[Trial]) -> dict[str, int]:
    states = [trial.state for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _plain(trial: Trial) -> dict[str, Any]:
    return trial.model_dump(mode="json")["values"]


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
