"""Checkpoints: one file with everything that a training run needs to resume exactly.

The `.npz` file is replaced as a whole and holds plain arrays and JSON. The checkpoint is complete,
because Keras lists all variables of the model and the optimizer, in whichever layer they are.
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
"""The seconds between checkpoints within an epoch.

An epoch may take hours, and a process that is killed loses the training since its last checkpoint.
"""


@dataclass
class TrainingState:
    """Holds what training has done so far.

    The fields are the number of steps, the loss terms of the current epoch, the history of complete
    epochs, and the best weights with their epoch and validation loss.
    """

    step: int = 0
    epoch_terms: dict[str, list[float]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best_weights: list[np.ndarray] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """The number of complete epochs, validation included."""
        return len(self.history)


class Checkpoints:
    """Saves and restores a model, its optimizer and the state of training in a draft.

    If several machines train, all of them restore from the chief's draft, and only the chief saves.
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
        """Saves after an epoch if a checkpoint is due.

        A checkpoint is due every `every_epochs` epochs. If `every_epochs` is None, a checkpoint is
        due after the first epoch, and then after an epoch if the last checkpoint is at least five
        seconds old. An epoch of a small network takes less than a second, and a checkpoint takes
        time, too.
        """
        if every_epochs is None:
            is_due = time.monotonic() - self._saved_at >= SECONDS_BETWEEN
        else:
            is_due = state.epochs_done % every_epochs == 0
        if is_due:
            self.save(state)

    def save_if_late(self, state: TrainingState, every_epochs: int | None) -> None:
        """Saves within an epoch if the last checkpoint is at least a minute old.

        If `every_epochs` is set, there are no checkpoints within an epoch.
        """
        since = time.monotonic() - max(self._saved_at, self._began)
        if every_epochs is None and since >= SECONDS_WITHIN_EPOCH:
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Replaces the checkpoint with the current state, but only in a draft of this process."""
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
        """Restores the checkpoint and returns its state of training.

        Without a checkpoint, returns the initial state.
        """
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
