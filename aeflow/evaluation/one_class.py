"""One class: how well a model that has seen one label alone tells all others as strangers.

The protocol of Deep SVDD (https://proceedings.mlr.press/v80/ruff18a.html): a model for each label,
judged on the test rows of all of them.
"""

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Dataset, Model
from aeflow.configs import RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError
from aeflow.evaluation.anomalies import distances, told_apart
from aeflow.evaluation.sampling import read_places, sampled_places
from aeflow.evaluation.scoring import Judge
from aeflow.models import Inference, load_model
from aeflow.progress import OnProgress, Progress, silent
from aeflow.runtime import prepare
from aeflow.storage import Store

__all__ = ["WAYS", "ClassScores", "labels_of", "score_class"]

WAYS = {
    "error": "reconstruction error",
    "knn": "distance in the latent",
    "local": "local density",
    "error_pca": "PCA's error",
    "knn_inputs": "distance in the input",
}
"""Scores that are higher for strangers; the last two need no model and stand beside."""
MOST_LABELS = 100
FITTED_ROWS, JUDGED_ROWS = 60_000, 10_000


class ClassScores(BaseModel):
    """Holds AUROC and the share caught at 1 % false alarms, by score, of one label's model."""

    model_config = ConfigDict(frozen=True)

    label: int
    rows: int
    auroc: dict[str, float]
    caught: dict[str, float]


def labels_of(dataset: Dataset, store: Store) -> list[int]:
    """Lists the labels of the training rows, sorted.

    Raises ConfigError where rows have none, where all have one, and on more than a hundred.
    """
    of_shards = [shard.labels for shard in open_split(dataset, "train", store)]
    labels = [part for part in of_shards if part is not None]
    found = sorted(pa.chunked_array(labels).unique().to_pylist()) if labels else []
    if len(labels) < len(of_shards) or not 1 < len(found) <= MOST_LABELS:
        raise ConfigError(
            f"The rows of '{dataset.name}' have {len(found)} labels. One class at a time needs "
            f"from 2 to {MOST_LABELS}: give another source, or --label-column."
        )
    return found


def score_class(
    model: Model,
    dataset: Dataset,
    store: Store,
    *,
    label: int,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> ClassScores:
    """Scores at most 10,000 test rows by a model and a dataset whose training rows have one label.

    Distances are mean distances to the 10 nearest training rows, in standardised numbers. Raises
    ConfigError where all test rows have that label, or none.
    """
    used = prepare(runtime)
    on_progress(Progress("evaluate", 0, 1, "label", f"label {label}"))
    inference = Inference(
        load_model(model, store, cpu=used["cpu"]),
        dataset.example_schema,
        runtime.encode_batch_size,
    )
    judge = Judge(dataset, store, latent_dim=model.latent_dim)
    fitted, _ = _read(dataset, "train", store, FITTED_ROWS)
    judged, labels = _read(dataset, "test", store, JUDGED_ROWS)
    is_own = labels == label
    if is_own.all() or not is_own.any():
        raise ConfigError(
            f"Of {len(labels)} test rows of '{dataset.name}' {is_own.sum()} have the label "
            f"{label}: nothing can be told apart. Give more rows."
        )
    scores = _scores(fitted, judged, judge=judge, inference=inference)
    told = {way: told_apart(score[is_own], score[~is_own]) for way, score in scores.items()}
    on_progress(Progress("evaluate", 1, 1, "label", f"label {label}"))
    return ClassScores(
        label=label,
        rows=dataset.rows["train"],
        auroc={way: auroc for way, (auroc, _) in told.items()},
        caught={way: caught for way, (_, caught) in told.items()},
    )


def _read(dataset: Dataset, split: str, store: Store, most: int) -> tuple[np.ndarray, np.ndarray]:
    if split not in dataset.rows:
        raise ConfigError(f"'{dataset.name}' has no rows in the split '{split}'. Give more rows.")
    places = sampled_places(dataset.rows[split], most)
    samples = list(read_places(dataset, split, store, places=places))
    labels = pa.chunked_array([sample.labels for sample in samples]).to_numpy()
    return np.concatenate([sample.rows for sample in samples]), labels


def _scores(
    fitted: np.ndarray, judged: np.ndarray, *, judge: Judge, inference: Inference
) -> dict[str, np.ndarray]:
    """Returns the scores [N] of judged rows, by their names in WAYS."""
    x = judge.scaled(judged)
    batches = list(inference.reconstruct(judged))
    x_hat = judge.scaled(np.concatenate([batch.reconstructions for batch in batches]))
    latents = np.concatenate([batch.latents for batch in batches])
    knn, local = distances(inference.latents(fitted), latents)
    inputs, _ = distances(_flat(judge.scaled(fitted)), _flat(x))
    return {
        "error": _mean_square(x - x_hat),
        "knn": knn,
        "local": local,
        "error_pca": _mean_square(x - judge.pca(x)),
        "knn_inputs": inputs,
    }


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _mean_square(differences: np.ndarray) -> np.ndarray:
    return np.square(_flat(differences)).mean(axis=1)
