"""How much noise a denoising model removes, compared with PCA and with a linear map."""

from collections.abc import Iterator

import numpy as np

from aeflow.stages.evaluation.baselines import EXACT_COLUMNS, Baseline
from aeflow.stages.evaluation.trial import Trial

__all__ = ["denoising_scores", "fit_linear_map"]

FITTED_ROWS, JUDGED_ROWS, BATCH = 60_000, 10_000, 1024
FITTED_SEED, JUDGED_SEED = 1, 2
"""Seeds of the noise. They are fixed, so the same rows get the same noise in every evaluation."""
RIDGE = 1e-3

Pairs = Iterator[tuple[np.ndarray, np.ndarray]]
"""Batches of noisy rows and of the same rows without noise, both float32 [B, *shape]."""


def denoising_scores(trial: Trial) -> dict[str, np.ndarray]:
    """Returns the errors that remain after denoising, and the gain in decibels, by name.

    `denoised_mse` [N] is the mean squared error between a clean row and the reconstruction of its
    noisy version, for at most 10,000 rows. `denoising_gain` [] is the number of decibels by which
    the mean of `denoised_mse` is below the mean squared error of the noisy rows. The suffix `_pca`
    marks the scores of PCA, and `_ridge` the scores of a linear map. This map is fitted to at most
    60,000 noisy training rows and their clean versions. There is no linear map if examples have
    more than 4,096 values. Returns an empty dictionary if the model's kind is not denoising.
    """
    network, judge = trial.network, trial.judge
    if not network.is_denoising:
        return {}

    def pairs(name: str, max_rows: int, seed: int) -> Pairs:
        step = 0
        for sample in trial.samples(name, max_rows):
            for start in range(0, len(sample.rows), BATCH):
                x = network.preprocessing(sample.rows[start : start + BATCH])
                trial.on_step("denoising")
                yield network.corrupt(x, step=step, seed=seed).numpy(), x.numpy()
                step += 1

    def units(x: np.ndarray) -> np.ndarray:
        """Converts rows from the model's input units to those of the dataset."""
        return judge.scaled(np.asarray(network.preprocessing.invert(x)))

    def denoise(noisy: np.ndarray) -> np.ndarray:
        return network.decode(network.embed(noisy)).numpy()

    baselines: dict[str, Baseline] = {"_pca": judge.pca}
    if trial.dataset.example_schema.size <= EXACT_COLUMNS:
        training = pairs(judge.fitted_on, FITTED_ROWS, FITTED_SEED)
        baselines["_ridge"] = fit_linear_map(
            (units(noisy), units(clean)) for noisy, clean in training
        )
    batch_errors: dict[str, list[np.ndarray]] = {name: [] for name in ("noise", "", *baselines)}
    for noisy, clean in pairs(trial.split, JUDGED_ROWS, JUDGED_SEED):
        x, noisy_x = units(clean), units(noisy)
        batch_errors["noise"].append(_mean_square(noisy_x - x))
        batch_errors[""].append(_mean_square(units(denoise(noisy)) - x))
        for name, reconstruct in baselines.items():
            batch_errors[name].append(_mean_square(reconstruct(noisy_x) - x))
    errors = {name: np.concatenate(parts) for name, parts in batch_errors.items()}
    noise = errors.pop("noise")
    gains = {
        f"denoising_gain{name}": 10 * np.log10(noise.mean() / values.mean())
        for name, values in errors.items()
    }
    return {f"denoised_mse{name}": values for name, values in errors.items()} | gains


def fit_linear_map(pairs: Pairs) -> Baseline:
    """Returns a linear map, with an offset, that turns noisy rows into clean rows.

    The map is fitted by ridge regression. The penalty is a thousandth of the noisy rows' mean
    variance.
    """
    count, moments, crossed, sums = 0, 0.0, 0.0, 0.0
    for noisy, clean in pairs:
        a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (noisy, clean))
        count += len(a)
        moments, crossed = moments + a.T @ a, crossed + a.T @ b
        sums = sums + np.stack([a.sum(axis=0), b.sum(axis=0)])
    center, target = np.asarray(sums) / count
    covariance = np.asarray(moments) / count - np.outer(center, center)
    shared = np.asarray(crossed) / count - np.outer(center, target)
    penalty = RIDGE * np.trace(covariance) / len(center)
    weights = np.linalg.solve(covariance + penalty * np.eye(len(center)), shared)
    kernel = weights.astype(np.float32)
    offset = (target - center @ weights).astype(np.float32)
    return lambda x: (x.reshape(len(x), -1) @ kernel + offset).reshape(x.shape)


def _mean_square(differences: np.ndarray) -> np.ndarray:
    return np.square(differences).reshape(len(differences), -1).mean(axis=1)
