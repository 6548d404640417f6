"""A study: trials in the store, a JSON file each, from which it goes on after a kill.

It is no answer and has no manifest: with more trials it grows. What it is about decides its key:
the dataset, the config that it begins with, and the seed of its proposals.
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
"""Share of the epochs in which no trial lags: a low learning rate starts well."""


class Study:
    """Keeps the trials of one study, and says what the next one tries."""

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
        """Lists the trials that have ended, by their numbers, up to the first that has not."""
        found = []
        while (trial := self._kept(len(found))) and trial.state != "running":
            found.append(trial)
        return found

    def trial(self, number: int) -> Trial:
        """Returns the trial with that number, as it was left or as it is proposed now."""
        kept = self._kept(number)
        if kept is not None:
            return kept
        if number == 0:
            return Trial(number=0, values=values_of(self._config, self._space))
        values = proposal(
            self._space, self._before(number), number=number, seed=self._config.tune.seed
        )
        return Trial(number=number, values=values)

    def keep(self, trial: Trial) -> None:
        """Writes a trial down, whole or not at all."""
        with self._files.writing(self._file(trial.number)) as path:
            path.write_text(trial.model_dump_json(indent=1), "utf-8")

    def lags(self, trial: Trial) -> bool:
        """Says whether a trial does not keep up with those before it and had better end."""
        warmup = max(1, round(WARMUP_SHARE * self._config.train.epochs))
        return lags_behind(self._space, self._before(trial.number), trial, warmup=warmup)

    def write(self, name: str, text: str) -> str:
        """Writes a text beside the trials; returns its address, as people are told it."""
        with self._files.writing(f"{self.name}/{name}") as path:
            path.write_text(text, "utf-8")
        return self._files.shown(f"{self.name}/{name}")

    def _before(self, number: int) -> list[Trial]:
        return self.finished()[:number]

    def _kept(self, number: int) -> Trial | None:
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
