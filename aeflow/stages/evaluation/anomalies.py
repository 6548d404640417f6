"""How well strangers are told from rows like those in training, by error and by latents."""

from itertools import starmap

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from aeflow.compute.tensorflow import tf
from aeflow.schema import ExampleSchema
from aeflow.stages.evaluation.sampling import read_places, sampled_places
from aeflow.stages.evaluation.scores import standardised
from aeflow.stages.evaluation.trial import Trial

__all__ = ["as_examples_of", "distances", "ood_scores", "told_apart"]

ROWS, NEIGHBOURS, FALSE_ALARMS = 10_000, 10, 0.01
SMALLEST = 1e-12


def ood_scores(trial: Trial) -> dict[str, np.ndarray]:
    """Returns how well at most 10,000 out-of-distribution rows are detected, one number [] each.

    By the reconstruction error; by the mean distance to the 10 nearest training rows in
    standardised latents; and by that distance beside those that these rows are from their own
    nearest, as the local outlier factor has it (https://doi.org/10.1145/335191.335388). Those of
    PCA are named with `_pca`.
    """
    if trial.ood is None:
        return {}
    trial.on_step("strangers")
    judge = trial.judge
    (split,) = trial.ood.rows
    places = sampled_places(trial.ood.rows[split], ROWS)
    found: dict[str, list[np.ndarray]] = {n: [] for n in ("mse", "mse_pca", "", "_pca")}
    for sample in read_places(trial.ood, split, trial.work.store, places=places):
        rows = as_examples_of(judge.schema, sample.rows, trial.ood.example_schema)
        for batch in trial.inference.reconstruct(rows):
            x, x_hat = judge.scaled(batch.rows), judge.scaled(batch.reconstructions)
            found["mse"].append(_mean_square(x - x_hat))
            found["mse_pca"].append(_mean_square(x - judge.pca(x)))
            found[""].append(batch.latents)
            found["_pca"].append(judge.pca.encode(x))
    strange = {name: np.concatenate(parts) for name, parts in found.items()}
    scores = {}
    for suffix, space in trial.spaces.items():
        far, local = distances(space.fitted, np.concatenate([space.judged, strange[suffix]]))
        ordinary = len(space.judged)
        ways = {
            "error": (trial.errors[f"mse{suffix}"], strange[f"mse{suffix}"]),
            "knn": (far[:ordinary], far[ordinary:]),
            "local": (local[:ordinary], local[ordinary:]),
        }
        for way, (auroc, caught) in zip(ways, starmap(told_apart, ways.values()), strict=True):
            scores[f"ood_auroc_{way}{suffix}"] = np.array(auroc)
            scores[f"ood_caught_{way}{suffix}"] = np.array(caught)
    return scores


def told_apart(ordinary: np.ndarray, strange: np.ndarray) -> tuple[float, float]:
    """Returns the AUROC of a score that is higher for strangers, and the share of them caught.

    Caught is what lies above all but 1 % of ordinary rows; nan where a score is not finite.
    """
    scores = np.concatenate([ordinary, strange])
    if not np.isfinite(scores).all():
        return np.nan, np.nan
    is_strange = np.repeat([0, 1], [len(ordinary), len(strange)])
    limit = np.quantile(ordinary, 1 - FALSE_ALARMS, method="higher")
    return float(roc_auc_score(is_strange, scores)), float((strange > limit).mean())


def as_examples_of(own: ExampleSchema, rows: np.ndarray, theirs: ExampleSchema) -> np.ndarray:
    """Returns rows [N, *shape] as examples of another schema; vectors come as they are.

    Images are resized by bilinear interpolation with antialiasing, their channels averaged or
    repeated, and their range of values is stretched to the other's.
    """
    if not own.is_image:
        return rows.astype(own.dtype)
    (low, high), (from_low, from_high) = own.value_range or (0, 1), theirs.value_range or (0, 1)
    x = (rows.astype(np.float32) - from_low) / ((from_high - from_low) or 1)
    if x.shape[-1] != own.shape[-1]:
        x = np.repeat(x.mean(axis=-1, keepdims=True), own.shape[-1], axis=-1)
    resized = tf.image.resize(x, own.shape[:2], antialias=True).numpy()
    values = low + np.clip(resized, 0, 1) * (high - low)
    return np.rint(values).astype(own.dtype) if own.dtype == "uint8" else values.astype(own.dtype)


def distances(fitted: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean distances [N] to the nearest rows, and those beside the rows' own."""
    if not (np.isfinite(fitted).all() and np.isfinite(asked).all()):
        return np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    known, points = standardised(fitted, asked)
    count = min(NEIGHBOURS, len(known) - 1)
    near = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(known)
    met_at, places = near.kneighbors(points)
    met, at = np.unique(places, return_inverse=True)
    # A row is its own nearest, so that one more is asked for and the first left out.
    own = near.kneighbors(known[met], n_neighbors=count + 1)[0][:, 1:].mean(axis=1)
    far = met_at.mean(axis=1)
    return far, far / np.maximum(own[at.reshape(places.shape)].mean(axis=1), SMALLEST)


def _mean_square(differences: np.ndarray) -> np.ndarray:
    return np.square(differences).reshape(len(differences), -1).mean(axis=1)
