"""Training on a machine other than the chief, which is the only machine that writes the model."""

import time

from aeflow.artifacts import Dataset, Model
from aeflow.configs import ModelConfig, TrainConfig
from aeflow.errors import LostMachine
from aeflow.lineage import Question
from aeflow.progress import Progress
from aeflow.stages import Work
from aeflow.stages.training.beginning import begin
from aeflow.stages.training.checkpoints import Checkpoints
from aeflow.stages.training.loop import fit
from aeflow.storage import DraftOfAnother, Store
from aeflow.storage.leases import live_inputs

__all__ = ["follow"]

POLL_SECONDS = 1.0


class _ChiefAnswered(Exception):
    """Raised to end the training on this machine, once the chief's model is in the store."""


def follow(
    work: Work, dataset: Dataset, config: TrainConfig, *, model_config: ModelConfig
) -> Model:
    """Takes every step together with the chief, and returns the model that the chief commits.

    Writes nothing to the store. Raises LostMachine if the chief ends without a model.
    """
    question, store = work.question, work.store

    def report(progress: Progress) -> None:
        work.on_progress(progress)
        if store.find(question.address):
            raise _ChiefAnswered

    try:
        report(Progress("train", 0, 1, "step", "looks for the answer"))
        run = begin(work.heard_by(report), dataset, config, model_config=model_config)
        draft = DraftOfAnother(store.files, question.address)
        checkpoints = Checkpoints(draft, run.model, run.optimizer)
        fit(
            run,
            checkpoints.restore(),
            checkpoints,
            on_epoch=lambda epoch: None,
            on_progress=work.on_progress,
        )
        while True:
            report(Progress("train", 0, 1, "answer", "waits for the chief's answer"))
            _check_alive(question, store)
            time.sleep(POLL_SECONDS)
    except _ChiefAnswered:
        return Model.model_validate(store.manifest(question.address).artifact)


def _check_alive(question: Question, store: Store) -> None:
    is_held = live_inputs(store.files, f"{question.address}.lease") is not None
    if not is_held and not store.find(question.address):
        raise LostMachine(
            "The chief of TF_CONFIG ended without an answer. Run the training again on all "
            "machines: it resumes from the last checkpoint."
        )
