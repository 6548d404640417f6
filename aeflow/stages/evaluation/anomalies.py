"""Detection of out-of-distribution rows by the reconstruction error and by the latents."""

from itertools import starmap

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from aeflow.compute.tensorflow import tf
from aeflow.schema import ExampleSchema
from aeflow.stages.evaluation.sampling import read_places, sampled_places
from aeflow.stages.evaluation.scores import standardised
from aeflow.stages.evaluation.trial import Trial

__all__ = ["as_examples_of", "auroc_and_caught", "distances", "ood_scores"]

ROWS, NEIGHBOURS, FALSE_ALARMS = 10_000, 10, 0.01
SMALLEST = 1e-12


def ood_scores(trial: Trial) -> dict[str, np.ndarray]:
    """Returns metrics [] of how well out-of-distribution (OOD) rows are detected, by name.

    Three scores detect them: the reconstruction error (`error`), the mean distance to the 10
    nearest training rows in standardised latents (`knn`), and that distance divided by the mean
    distance of these training rows to their own 10 nearest training rows (`local`), as in the local
    outlier factor (https://doi.org/10.1145/335191.335388). For each score, the metrics are its
    AUROC and the share of at most 10,000 OOD rows that it catches. The metrics of PCA have the
    suffix `_pca`. Returns an empty dictionary if the trial has no OOD rows.
    """
    if trial.ood is None:
        return {}
    trial.on_step("out-of-distribution rows")
    judge = trial.judge
    (split,) = trial.ood.rows
    places = sampled_places(trial.ood.rows[split], ROWS)
    parts_of: dict[str, list[np.ndarray]] = {n: [] for n in ("mse", "mse_pca", "", "_pca")}
    for sample in read_places(trial.ood, split, trial.work.store, places=places):
        rows = as_examples_of(judge.schema, sample.rows, trial.ood.example_schema)
        for batch in trial.inference.reconstruct(rows):
            x, x_hat = judge.scaled(batch.rows), judge.scaled(batch.reconstructions)
            parts_of["mse"].append(_mean_square(x - x_hat))
            parts_of["mse_pca"].append(_mean_square(x - judge.pca(x)))
            parts_of[""].append(batch.latents)
            parts_of["_pca"].append(judge.pca.encode(x))
    ood = {name: np.concatenate(parts) for name, parts in parts_of.items()}
    scores = {}
    for suffix, space in trial.spaces.items():
        latents = np.concatenate([space.judged_latents, ood[suffix]])
        knn, local = distances(space.fitted_latents, latents)
        ordinary = len(space.judged_latents)
        ways = {
            "error": (trial.errors[f"mse{suffix}"], ood[f"mse{suffix}"]),
            "knn": (knn[:ordinary], knn[ordinary:]),
            "local": (local[:ordinary], local[ordinary:]),
        }
        results = starmap(auroc_and_caught, ways.values())
        for way, (auroc, caught) in zip(ways, results, strict=True):
            scores[f"ood_auroc_{way}{suffix}"] = np.array(auroc)
            scores[f"ood_caught_{way}{suffix}"] = np.array(caught)
    return scores


def auroc_and_caught(ordinary: np.ndarray, ood: np.ndarray) -> tuple[float, float]:
    """Returns the AUROC of a score, and the share of out-of-distribution rows that are caught.

    `ordinary` [N] and `ood` [M] are the scores of the rows, which should be higher for
    out-of-distribution (OOD) rows. An OOD row is caught if its score is above the 99th percentile
    of the ordinary scores. Both results are nan if a score is not finite.
    """
    scores = np.concatenate([ordinary, ood])
    if not np.isfinite(scores).all():
        return np.nan, np.nan
    is_ood = np.repeat([0, 1], [len(ordinary), len(ood)])
    limit = np.quantile(ordinary, 1 - FALSE_ALARMS, method="higher")
    return float(roc_auc_score(is_ood, scores)), float((ood > limit).mean())


def as_examples_of(own: ExampleSchema, rows: np.ndarray, theirs: ExampleSchema) -> np.ndarray:
    """Converts rows [N, *shape] from the schema `theirs` to the schema `own`.

    Images are resized by bilinear interpolation with antialiasing, and their range of values is
    stretched to that of `own`. If the numbers of channels differ, each channel becomes the mean of
    all channels. Vectors keep their values.
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


def distances(reference: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the absolute distances and the relative distances of the queries, both [N].

    The absolute distance of a query is its mean distance to its 10 nearest reference rows. The
    relative distance is the absolute distance divided by the mean distance of these reference rows
    to their own 10 nearest reference rows. All rows are standardised by the mean and standard
    deviation of the reference. All distances are nan if a value of a row is not finite.
    """
    if not (np.isfinite(reference).all() and np.isfinite(queries).all()):
        return np.full(len(queries), np.nan), np.full(len(queries), np.nan)
    rows, points = standardised(reference, queries)
    count = min(NEIGHBOURS, len(rows) - 1)
    index = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows)
    to_neighbours, places = index.kneighbors(points)
    neighbours, inverse = np.unique(places, return_inverse=True)
    # A row is its own nearest neighbour, so one more is requested and the first is dropped.
    own = index.kneighbors(rows[neighbours], n_neighbors=count + 1)[0][:, 1:].mean(axis=1)
    absolute = to_neighbours.mean(axis=1)
    usual = own[inverse.reshape(places.shape)].mean(axis=1)
    return absolute, absolute / np.maximum(usual, SMALLEST)


def _mean_square(differences: np.ndarray) -> np.ndarray:
    return np.square(differences).reshape(len(differences), -1).mean(axis=1)
