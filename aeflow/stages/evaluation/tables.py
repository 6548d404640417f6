"""The tables of an evaluation, and its one-line verdict."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

__all__ = ["label_table", "metric_table", "percentile_table", "verdict_line"]

PERCENTILES = (50, 90, 95, 99)
EXACT = 1e-12
"""PCA counts as exact if its mean squared error is below this. No model can do better then."""


def metric_table(scores: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns the mean of each score over all examples, and the PSNR of the mean MSE.

    `psnr` is the mean of the examples' PSNR. `psnr_of_mean_mse` is about 1 dB lower. Both exist
    only for images.
    """
    metrics = {name: float(values.mean(dtype=np.float64)) for name, values in scores.items()}
    if "psnr" in metrics:
        means = {name: value for name, value in metrics.items() if name.startswith("mse")}
        for name, mse in means.items():
            psnr = float(-10.0 * np.log10(max(mse, EXACT)))
            metrics[name.replace("mse", "psnr_of_mean_mse", 1)] = psnr
    return metrics


def percentile_table(errors: np.ndarray) -> dict[str, float]:
    """Returns percentiles of the examples' errors, because the mean is not a typical error."""
    values = np.percentile(errors, PERCENTILES)
    return {str(p): float(value) for p, value in zip(PERCENTILES, values, strict=True)}


def label_table(
    scores: Mapping[str, np.ndarray], labels: Sequence, names: Sequence[str]
) -> list[dict]:
    """Returns an entry for each label: its row count, and its mean error by model and by PCA."""
    keys = np.array([str(label) for label in labels])
    table = []
    for label in sorted(set(labels), key=lambda value: (value is None, value)):
        is_label = keys == str(label)
        is_named = isinstance(label, int) and 0 <= label < len(names)
        table.append(
            {
                "label": label,
                "name": names[label] if is_named else str(label),
                "rows": int(is_label.sum()),
                "mse": float(scores["mse"][is_label].mean(dtype=np.float64)),
                "mse_pca": float(scores["mse_pca"][is_label].mean(dtype=np.float64)),
            }
        )
    return table


def verdict_line(
    metrics: Mapping[str, float],
    *,
    split: str,
    latent_dim: int,
    differences: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> str:
    """Says in one line whether the model reconstructs better than PCA with as many dimensions.

    If rows have labels, the line also says whether a linear probe classifies better with the
    model's features than with PCA's. `differences` maps a metric's name to the 95 % interval of the
    difference between the model's value and PCA's value.
    """
    mse, mse_pca = metrics["mse"], metrics["mse_pca"]
    rival = f"PCA-{latent_dim}"
    figures = f"({split} MSE {mse:.4g} against {mse_pca:.4g})"
    if mse_pca < EXACT:
        return f"{rival} reconstructs exactly {figures}: the latent is as large as the input."
    gain = 1.0 - mse / mse_pca
    features = _features(metrics, differences)
    if gain > 0:
        clause = f"; its features {features}" if features else ""
        return f"Reconstructs {gain:.0%} better than {rival} {figures}{clause}."
    worse = f"Reconstructs {-gain:.0%} worse than {rival} {figures}"
    if features.endswith("better"):
        return f"{worse}, but its features {features}."
    clause = f", and its features {features}" if features else ""
    return f"{worse}{clause}: PCA is the better choice."


def _features(metrics: Mapping[str, float], differences: Mapping[str, tuple[float, float]]) -> str:
    """Says whether a probe classifies better with the features than with PCA's; "" if unknown."""
    if "probe_accuracy" not in differences:
        return ""
    low, high = differences["probe_accuracy"]
    if low <= 0 <= high:
        return "classify no differently"
    points = 100 * (metrics["probe_accuracy"] - metrics["probe_accuracy_pca"])
    return f"classify {abs(points):.1f} points {'better' if points > 0 else 'worse'}"
