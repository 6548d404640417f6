"""Scored examples in memory: the scores of all, but only the first and the worst rows."""

import numpy as np
import pyarrow as pa

from aeflow.features.contract import latent_array
from aeflow.stages.evaluation.scoring import ScoredBatch

__all__ = ["ScoredExamples"]


class ScoredExamples:
    """Gathers scored batches, but keeps rows only of the first batch and of the worst examples."""

    first: ScoredBatch

    def __init__(self, num_worst: int):
        self.rows = 0
        self.worst: list[dict] = []
        self._num_worst = num_worst
        self._columns: list[dict[str, pa.Array]] = []
        self._scores: list[dict[str, np.ndarray]] = []

    def add(self, batch: ScoredBatch) -> None:
        """Adds one batch."""
        if self.rows == 0:
            self.first = batch
        self.rows += len(batch.x)
        columns = {"id": batch.ids, "latent": latent_array(batch.latents)}
        if batch.labels is not None:
            columns["label"] = batch.labels
        self._columns.append(columns)
        self._scores.append(batch.scores)
        worst = sorted(self.worst + self._worst_of(batch), key=lambda row: -row["mse"])
        self.worst = worst[: self._num_worst]

    def scores(self) -> dict[str, np.ndarray]:
        """Returns a mapping from the name of each score to its values [N] for all examples."""
        names = self._scores[0]
        return {name: np.concatenate([batch[name] for batch in self._scores]) for name in names}

    def table(self) -> pa.Table:
        """Returns a table with one row per example: id, latent, label if there is one, scores."""
        names = self._columns[0]
        columns = {n: pa.chunked_array([batch[n] for batch in self._columns]) for n in names}
        return pa.table({**columns, **self.scores()})

    def _worst_of(self, batch: ScoredBatch) -> list[dict]:
        errors = batch.scores["mse"]
        return [
            {
                "id": batch.ids[i].as_py(),
                "mse": float(errors[i]),
                "label": None if batch.labels is None else batch.labels[i].as_py(),
                "x": batch.x[i],
                "x_hat": batch.x_hat[i],
            }
            for i in np.argsort(-errors, kind="stable")[: self._num_worst].tolist()
        ]
