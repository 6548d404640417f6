"""Scores of single examples, computed batch by batch for the model and for each baseline."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aeflow.artifacts import Dataset
from aeflow.datasets.shards import Shard, open_split
from aeflow.datasets.statistics import read_statistics
from aeflow.models import Inference
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.stages.evaluation.baselines import Baseline, fit_pca, mean_baseline
from aeflow.stages.evaluation.metrics import metrics_of
from aeflow.storage import Store

__all__ = ["Judge", "ScoredBatch"]

BATCH = 4096


@dataclass(frozen=True)
class ScoredBatch:
    """Holds a batch of examples with their reconstructions, latents and scores.

    The latents are [B, d], and the examples `x` and reconstructions `x_hat` are [B, *shape].
    `scores` maps the name of a score to its values [B]. `labels` is None if there are no labels.
    """

    ids: pa.Array
    labels: pa.Array | None
    latents: np.ndarray
    x: np.ndarray
    x_hat: np.ndarray
    scores: dict[str, np.ndarray]


class Judge:
    """Scores a dataset's rows in the dataset's own units, so that models are comparable.

    Images are scaled to [0, 1], and vectors by the dataset's own training statistics. The model's
    preprocessing has no influence on these units.
    """

    def __init__(self, dataset: Dataset, store: Store, *, latent_dim: int):
        statistics = read_statistics(dataset, store)
        self.fitted_on = "train" if dataset.rows.get("train") else next(iter(statistics))
        of_split = statistics[self.fitted_on]
        self._dataset, self._store = dataset, store
        self.schema = dataset.example_schema
        self._units = fit_preprocessing(
            dataset.example_schema, of_split.position_mean, of_split.position_std
        )
        mean = self.scaled(of_split.position_mean[np.newaxis])[0]
        self.pca = fit_pca(self._scaled_split(self.fitted_on), latent_dim, mean)
        self.baselines: dict[str, Baseline] = {
            "pca": self.pca,
            "mean_image": mean_baseline(mean),
        }

    def score(self, inference: Inference, split: str) -> Iterator[ScoredBatch]:
        """Yields the scored batches of a split, in the order of its rows.

        The names of a baseline's scores end in the name of the baseline.
        """
        for shard in open_split(self._dataset, split, self._store):
            yield from self._score_shard(inference, shard)

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """Returns stored rows [B, *shape] in the dataset's own units."""
        return self._units(rows).numpy()

    def _score_shard(self, inference: Inference, shard: Shard) -> Iterator[ScoredBatch]:
        start = 0
        for batch in inference.reconstruct(shard.features):
            end = start + len(batch.rows)
            x, x_hat = self.scaled(batch.rows), self.scaled(batch.reconstructions)
            yield ScoredBatch(
                ids=shard.ids[start:end],
                labels=None if shard.labels is None else shard.labels[start:end],
                latents=batch.latents,
                x=x,
                x_hat=x_hat,
                scores=self._scores(x, x_hat),
            )
            start = end

    def _scores(self, x: np.ndarray, x_hat: np.ndarray) -> dict[str, np.ndarray]:
        scores = {}
        for name, metric in metrics_of(self.schema).items():
            scores[name] = metric(x, x_hat).numpy()
            for baseline, reconstruct in self.baselines.items():
                scores[f"{name}_{baseline}"] = metric(x, reconstruct(x)).numpy()
        return scores

    def _scaled_split(self, split: str) -> Iterator[np.ndarray]:
        for shard in open_split(self._dataset, split, self._store):
            for start in range(0, shard.rows, BATCH):
                yield self.scaled(shard.features[start : start + BATCH])
