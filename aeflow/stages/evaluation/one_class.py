"""One-class evaluation: how well a model trained on one label detects rows of other labels.

This is the protocol of Deep SVDD (https://proceedings.mlr.press/v80/ruff18a.html): one model is
trained for each label, and judged on the test rows of all labels.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Dataset, Model
from aeflow.compute.runtime import prepare
from aeflow.datasets.shards import open_split
from aeflow.errors import ConfigError
from aeflow.models import Inference, load_model
from aeflow.progress import Progress
from aeflow.stages import Context
from aeflow.stages.evaluation.anomalies import auroc_and_caught, distances
from aeflow.stages.evaluation.sampling import read_places, sampled_places
from aeflow.stages.evaluation.scoring import Judge
from aeflow.storage import Store

__all__ = ["WAYS", "ClassScores", "labels_of", "score_class"]

WAYS = {
    "both": "weighted error + kNN",
    "error": "error",
    "weighted": "weighted error",
    "knn": "latent kNN",
    "local": "local density",
    "error_pca": "PCA error",
    "knn_inputs": "input kNN",
}
"""Maps each score to its title in a table. Scores are higher for out-of-distribution rows.

The titles wrap at spaces, so that the table fits into 80 columns. The last two scores are
baselines that need no model.
"""
FLOOR = 0.1
"""The training error of each input value is raised by this share of the mean training error."""
SMALLEST = 1e-12
MOST_LABELS = 100
FITTED_ROWS, JUDGED_ROWS = 60_000, 10_000


class ClassScores(BaseModel):
    """Holds the results of the model of one label.

    `rows` is the number of training rows. `auroc` maps the name of each score in WAYS to its AUROC.
    `caught` maps the name to the share of other labels' rows that the score detects at 1 % false
    alarms.
    """

    model_config = ConfigDict(frozen=True)

    label: int
    rows: int
    auroc: dict[str, float]
    caught: dict[str, float]


def labels_of(dataset: Dataset, store: Store) -> list[int]:
    """Lists the labels of the training rows, sorted.

    Raises ConfigError if a row has no label, if all rows have the same label, or if there are more
    than 100 different labels.
    """
    of_shards = [shard.labels for shard in open_split(dataset, "train", store)]
    arrays = [array for array in of_shards if array is not None]
    labels = sorted(pa.chunked_array(arrays).unique().to_pylist()) if arrays else []
    if len(arrays) < len(of_shards) or not 1 < len(labels) <= MOST_LABELS:
        raise ConfigError(
            f"The one-class protocol needs from 2 to {MOST_LABELS} different labels, but "
            f"'{dataset.name}' has {len(labels)}. Give another source, or choose another column "
            "with --label-column."
        )
    return labels


def score_class(
    model: Model,
    dataset: Dataset,
    context: Context,
    *,
    label: int,
) -> ClassScores:
    """Scores at most 10,000 test rows with the model of one label.

    All training rows of `dataset` have that label. Distances are mean distances to the 10 nearest
    training rows, in standardised latents or inputs. The weighted error divides the squared error
    of each input value by the mean squared error of that value over training rows, as a Gaussian
    likelihood with a variance for each value does. A faint mark in an image therefore counts if no
    training row has a mark at that place. The score "both" is the sum of the weighted error and the
    distance in the latent, each divided by its own mean over validation rows. Raises ConfigError if
    a split has no rows, if all test rows have the label, or if no test row has it.
    """
    store, machine = context.store, prepare(context.runtime)
    context.on_progress(Progress("evaluate", 0, 1, "label", f"label {label}"))
    inference = Inference(
        load_model(model, store, cpu=machine.cpu),
        dataset.example_schema,
        context.runtime.encode_batch_size,
    )
    judge = Judge(dataset, store, latent_dim=model.latent_dim)
    training, _ = _read(dataset, "train", store, FITTED_ROWS)
    validation, _ = _read(dataset, "validation", store, JUDGED_ROWS)
    test, labels = _read(dataset, "test", store, JUDGED_ROWS)
    is_own = labels == label
    if is_own.all() or not is_own.any():
        raise ConfigError(
            f"{is_own.sum()} of {len(labels)} test rows of '{dataset.name}' have the label "
            f"{label}, but the one-class protocol needs test rows with this label and others "
            "without it. Give more rows."
        )
    scores = _scores(
        *(
            _outputs_of(rows, judge=judge, inference=inference)
            for rows in (training, validation, test)
        ),
        judge=judge,
    )
    results = {
        way: auroc_and_caught(score[is_own], score[~is_own]) for way, score in scores.items()
    }
    context.on_progress(Progress("evaluate", 1, 1, "label", f"label {label}"))
    return ClassScores(
        label=label,
        rows=dataset.rows["train"],
        auroc={way: auroc for way, (auroc, _) in results.items()},
        caught={way: caught for way, (_, caught) in results.items()},
    )


def _read(dataset: Dataset, split: str, store: Store, most: int) -> tuple[np.ndarray, np.ndarray]:
    if split not in dataset.rows:
        raise ConfigError(
            f"The one-class protocol needs rows in the split '{split}', but the dataset "
            f"'{dataset.name}' has none there. Give more rows."
        )
    places = sampled_places(dataset.rows[split], most)
    samples = list(read_places(dataset, split, store, places=places))
    labels = pa.chunked_array([sample.labels for sample in samples]).to_numpy()
    return np.concatenate([sample.rows for sample in samples]), labels


@dataclass(frozen=True)
class _Outputs:
    """Holds inputs x and their squared errors, both [N, D], and their latents [N, latent_dim]."""

    x: np.ndarray
    squares: np.ndarray
    latents: np.ndarray


def _outputs_of(rows: np.ndarray, *, judge: Judge, inference: Inference) -> _Outputs:
    batches = list(inference.reconstruct(rows))
    x = _flat(judge.scaled(rows))
    x_hat = _flat(judge.scaled(np.concatenate([batch.reconstructions for batch in batches])))
    latents = np.concatenate([batch.latents for batch in batches])
    return _Outputs(x, np.square(x - x_hat), latents)


def _scores(training: _Outputs, validation: _Outputs, test: _Outputs, *, judge: Judge) -> dict:
    """Returns a mapping from each name in WAYS to the scores [N] of the test rows."""
    usual = training.squares.mean(axis=0)
    weights = 1 / (usual + FLOOR * usual.mean() + SMALLEST)
    weighted = test.squares @ weights / len(weights)
    usual_weighted = (validation.squares @ weights / len(weights)).mean()
    knn, local = distances(training.latents, test.latents)
    usual_knn = distances(training.latents, validation.latents)[0].mean()
    knn_inputs, _ = distances(training.x, test.x)
    x = test.x.reshape(-1, *judge.schema.shape)
    return {
        "both": weighted / (usual_weighted + SMALLEST) + knn / (usual_knn + SMALLEST),
        "error": test.squares.mean(axis=1),
        "weighted": weighted,
        "knn": knn,
        "local": local,
        "error_pca": np.square(_flat(x - judge.pca(x))).mean(axis=1),
        "knn_inputs": knn_inputs,
    }


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
