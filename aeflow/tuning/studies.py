"""A study: a group of trials, stored as JSON files, from which a killed study resumes.

A study is not an artifact and has no manifest, because trials can be added to it. The key of a
study depends on the dataset, the initial config and the seed of the proposals.
"""

from aeflow.artifacts import Dataset
from aeflow.configs import PipelineConfig
from aeflow.errors import CorruptArtifact
from aeflow.lineage import Question
from aeflow.storage import Store
from aeflow.storage.layout import STUDIES
from aeflow.tuning.proposing import lags_behind, proposal
from aeflow.tuning.spaces import space_of, values_of
from aeflow.tuning.trials import Trial

__all__ = ["Study"]

WARMUP_SHARE = 0.25
"""The first share of a trial's epochs, in which the trial cannot lag behind.

In these epochs, a low learning rate has the advantage.
"""


class Study:
    """Stores the trials of one study, and proposes the values of new trials."""

    def __init__(self, dataset: Dataset, config: PipelineConfig, store: Store):
        question = Question(
            stage="tune",
            version=1,
            folder=STUDIES,
            configs={
                "model": config.model.hashed(),
                "train": config.train.hashed(),
                "tune": config.tune.hashed(),
            },
            inputs={"dataset": dataset.reference},
        )
        self.name = f"{STUDIES}/{dataset.name}-{question.key}"
        self._config = config
        self._files = store.files
        self._space = space_of(config)

    def finished(self) -> list[Trial]:
        """Lists the trials that have ended, in order, up to the first that has not ended."""
        trials = []
        while (trial := self._stored(len(trials))) and trial.state != "running":
            trials.append(trial)
        return trials

    def trial(self, number: int) -> Trial:
        """Returns the stored trial with that number, or else a new trial with proposed values."""
        stored_trial = self._stored(number)
        if stored_trial is not None:
            return stored_trial
        if number == 0:
            return Trial(number=0, values=values_of(self._config, self._space))
        values = proposal(
            self._space, self._before(number), number=number, seed=self._config.tune.seed
        )
        return Trial(number=number, values=values)

    def keep(self, trial: Trial) -> None:
        """Stores a trial atomically."""
        with self._files.writing(self._file(trial.number)) as path:
            path.write_text(trial.model_dump_json(indent=1), "utf-8")

    def lags(self, trial: Trial) -> bool:
        """Returns whether a trial lags behind the earlier ones and should end."""
        warmup = max(1, round(WARMUP_SHARE * self._config.train.epochs))
        return lags_behind(self._space, self._before(trial.number), trial, warmup=warmup)

    def write(self, name: str, text: str) -> str:
        """Writes a text file next to the trials; returns its address as it is shown to users."""
        with self._files.writing(f"{self.name}/{name}") as path:
            path.write_text(text, "utf-8")
        return self._files.shown(f"{self.name}/{name}")

    def _before(self, number: int) -> list[Trial]:
        return self.finished()[:number]

    def _stored(self, number: int) -> Trial | None:
        try:
            content = self._files.read(self._file(number))
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return Trial.model_validate_json(content)
        except ValueError as error:
            shown = self._files.shown(self.name)
            raise CorruptArtifact(
                f"Trial {number} of the study cannot be read. Delete '{shown}' and run again."
            ) from error

    def _file(self, number: int) -> str:
        return f"{self.name}/trials/{number:04d}.json"
