"""Everything a training run needs to go on as if nothing had happened, in one file.

One `.npz` is replaced whole, holds plain arrays and JSON, and leaves out nothing: every variable
of the model and the optimizer is listed by Keras, whatever holds it.
"""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.models import Autoencoder
from aeflow.storage import Draft, DraftOfAnother

__all__ = ["CHECKPOINT", "Checkpoints", "TrainingState"]

CHECKPOINT = "_work/checkpoint.npz"
SECONDS_BETWEEN = 5.0
SECONDS_WITHIN_EPOCH = 60.0
"""An epoch may take hours, and who is killed in it is to lose no more than this."""


@dataclass
class TrainingState:
    """Says where training is: steps done, terms of the running epoch's steps, history, best."""

    step: int = 0
    epoch_terms: dict[str, list[float]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best_weights: list[np.ndarray] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """The epochs that are complete, validation included."""
        return len(self.history)


class Checkpoints:
    """Saves and restores a model, its optimizer and the state of training in a draft.

    Of several machines the chief's draft is restored in all; it alone saves.
    """

    def __init__(
        self,
        draft: Draft | DraftOfAnother,
        model: Autoencoder,
        optimizer: tf.keras.optimizers.Optimizer,
    ):
        self._draft = draft
        self._model = model
        self._optimizer = optimizer
        self._saved_at = -math.inf
        self._began = time.monotonic()

    def save_if_due(self, state: TrainingState, every_epochs: int | None) -> None:
        """Saves after so many epochs; where none are given, after the first and each few seconds.

        An epoch of a small network is over in less than a second, and a checkpoint is not free.
        """
        if every_epochs is None:
            is_due = time.monotonic() - self._saved_at >= SECONDS_BETWEEN
        else:
            is_due = state.epochs_done % every_epochs == 0
        if is_due:
            self.save(state)

    def save_if_late(self, state: TrainingState, every_epochs: int | None) -> None:
        """Saves within an epoch, once a minute, where no epochs between checkpoints are given."""
        since = time.monotonic() - max(self._saved_at, self._began)
        if every_epochs is None and since >= SECONDS_WITHIN_EPOCH:
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Replaces the checkpoint by one of now."""
        if isinstance(self._draft, DraftOfAnother):
            return
        counters = asdict(state)
        arrays = {f"best_{i:04d}": array for i, array in enumerate(counters.pop("best_weights"))}
        for group, variables in self._variables().items():
            arrays |= {f"{group}_{i:04d}": v.numpy() for i, v in enumerate(variables)}
        arrays["state"] = np.frombuffer(json.dumps(counters).encode(), np.uint8)
        with self._draft.writing(CHECKPOINT) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        self._saved_at = time.monotonic()

    def restore(self) -> TrainingState:
        """Restores the checkpoint, if there is one, and returns where training is."""
        path = self._draft.path(CHECKPOINT)
        if not path.exists():
            return TrainingState()
        with np.load(path, allow_pickle=False) as arrays:
            for group, variables in self._variables().items():
                for i, variable in enumerate(variables):
                    variable.assign(arrays[f"{group}_{i:04d}"])
            best = [arrays[name] for name in sorted(arrays.files) if name.startswith("best_")]
            counters = json.loads(arrays["state"].tobytes())
        return TrainingState(best_weights=best, **counters)

    def _variables(self) -> dict[str, Any]:
        return {"model": self._model.variables, "optimizer": self._optimizer.variables}
