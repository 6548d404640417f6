"""The health card: each headline number, how sure it is, PCA's beside it, and what it means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aeflow.evaluation.intervals import interval, resampled_means

__all__ = ["Card", "health_card"]

PCA, RATIO = "_pca", "mse_ratio_to_pca"
ACCURACIES = ("probe_accuracy", "knn_accuracy")
HEADLINE = ("mse", RATIO, "psnr", "ssim", *ACCURACIES, "denoised_mse")
"""Numbers with an interval."""
ERRORS = ("mse", "denoised_mse")
"""Numbers of which less is better."""
TITLES = {
    "mse": "Mean squared error",
    RATIO: "Error beside PCA's",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "probe_accuracy": "Linear probe accuracy",
    "knn_accuracy": "10-NN accuracy",
    "neighbour_recall": "Neighbours kept",
    "dead_dimensions": "Dead dimensions",
    "effective_rank": "Effective rank",
    "kl": "Divergence from the prior",
    "codebook_use": "Codebook entries in use",
    "denoised_mse": "Error after denoising",
    "denoising_gain": "Denoising gain",
    "ood_auroc_error": "Strangers told by error (AUROC)",
    "ood_auroc_knn": "Strangers told by latents (AUROC)",
    "ood_auroc_local": "Strangers told by local density (AUROC)",
    "ood_caught_error": "Strangers caught by error",
    "ood_caught_knn": "Strangers caught by latents",
    "ood_caught_local": "Strangers caught by local density",
}
DECIBELS = ("psnr", "denoising_gain")
FORMATS = {
    **dict.fromkeys(ERRORS, ".4g"),
    **dict.fromkeys(DECIBELS, ".1f"),
    "ssim": ".3f",
    "effective_rank": ".1f",
    "kl": ".1f",
}
EXACT = 1e-12
Limits = tuple[float, float]


@dataclass(frozen=True)
class Card:
    """Holds the card's rows and the metrics that it adds to those of the errors.

    `differences` are the limits, 95 % sure, of what the model has more than PCA.
    """

    rows: list[dict[str, Any]]
    metrics: dict[str, float]
    differences: dict[str, Limits]


def health_card(
    errors: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray], *, latent_dim: int
) -> Card:
    """Returns the card of errors [N] and of scores, which are [N] by row or [] of all rows.

    Both have PCA's numbers beside the model's, named with `_pca`. What is compared with PCA is
    resampled in pairs, row by row.
    """
    judged = {name: values for name, values in errors.items() if "mean_image" not in name}
    resampled = resampled_means(judged)
    of_rows = {n: v for n, v in scores.items() if n.removesuffix(PCA) in HEADLINE and v.ndim}
    for length in {len(values) for values in of_rows.values()}:
        alike = {name: values for name, values in of_rows.items() if len(values) == length}
        resampled |= resampled_means(alike)
    means = {name: _mean(values) for name, values in (judged | dict(scores)).items()}
    limits = {name: interval(values) for name, values in resampled.items() if name in HEADLINE}
    if means["mse" + PCA] >= EXACT:
        means |= {RATIO: means["mse"] / means["mse" + PCA], RATIO + PCA: 1.0}
        limits[RATIO] = interval(resampled["mse"] / resampled["mse" + PCA])
    pairs = [name for name in HEADLINE if name in resampled and name + PCA in resampled]
    differences = {name: interval(resampled[name] - resampled[name + PCA]) for name in pairs}
    told = _Told(means, limits, differences, f"PCA-{latent_dim}", latent_dim)
    rows = [told.row(name) for name in TITLES if name in means]
    added = {name: means[name] for name in means if name in scores or name == RATIO}
    return Card(rows, added, differences)


@dataclass(frozen=True)
class _Told:
    """Says in plain words what the numbers mean."""

    means: Mapping[str, float]
    limits: Mapping[str, Limits]
    differences: Mapping[str, Limits]
    rival: str
    latent_dim: int

    def row(self, name: str) -> dict[str, Any]:
        value, pca = self.means[name], self.means.get(name + PCA, math.nan)
        limits = self.limits.get(name, (math.nan, math.nan))
        is_known = all(map(math.isfinite, limits))
        return {
            "name": name,
            "title": TITLES[name],
            "value": value if math.isfinite(value) else None,
            "interval": list(limits) if is_known else None,
            "pca": pca if math.isfinite(pca) else None,
            "shown": {
                "value": _shown(name, value),
                "interval": _shown_limits(name, limits) if is_known else "",
                "pca": _shown(name, pca),
            },
            "judgement": self.of(name),
            "tone": self._tone(name),
        }

    def _tone(self, name: str) -> str:
        """Says whether a number is good or bad beside PCA's, or even; nothing where it is neither.

        A dead dimension is bad whatever PCA has.
        """
        value = self.means[name]
        if not math.isfinite(value) or (name == "dead_dimensions" and value > 0):
            return "bad"
        compared = "mse" if name == RATIO else name
        if compared not in self.differences:
            return ""
        low, high = self.differences[compared]
        if low <= 0 <= high:
            return "even"
        return "good" if (high < 0) == (compared in ERRORS) else "bad"

    def of(self, name: str) -> str:
        if not math.isfinite(self.means[name]):
            return "Not a finite number: the model is broken."
        tellers = {
            RATIO: self._ratio,
            "dead_dimensions": self._dead,
            "effective_rank": self._rank,
            "neighbour_recall": self._kept,
            "kl": self._divergence,
            "codebook_use": self._codebook,
            "denoising_gain": self._denoised,
        }
        if name in tellers:
            return tellers[name]()
        return self._strangers(name) if name.startswith("ood_") else self._beside_pca(name)

    def _beside_pca(self, name: str) -> str:
        gain = self.means[name] - self.means[name + PCA]
        low, high = self.differences.get(name, (0.0, 0.0))
        if low <= 0 <= high:
            return f"No clear difference from {self.rival}."
        amount = {
            **dict.fromkeys(ERRORS, f"{abs(gain):.2g}"),
            "psnr": f"{abs(gain):.1f} dB",
            "ssim": f"{abs(gain):.3f}",
        }.get(name, f"{100 * abs(gain):.1f} points")
        is_better = gain < 0 if name in ERRORS else gain > 0
        return f"{amount} {'better' if is_better else 'worse'} than {self.rival}."

    def _ratio(self) -> str:
        gains = [1 - limit for limit in reversed(self.limits[RATIO])]
        if gains[0] <= 0 <= gains[1]:
            return f"No clear difference from {self.rival}."
        least, most = sorted(abs(gain) for gain in gains)
        better = "better" if gains[0] > 0 else "worse"
        return f"Between {least:.0%} and {most:.0%} {better} than {self.rival}."

    def _divergence(self) -> str:
        least, most = self.means["kl_least"], self.means["kl_most"]
        return f"Nats a row; of a dimension between {least:.2f} and {most:.2f}."

    def _codebook(self) -> str:
        perplexity = self.means["codebook_perplexity"]
        return f"As much is told as by {perplexity:.0f} entries in equal use."

    def _denoised(self) -> str:
        gain, beside = self.means["denoising_gain"], self.means["denoising_gain" + PCA]
        linear = self.means.get("denoising_gain_ridge")
        more = "" if linear is None else f", a linear map {linear:.1f} dB"
        return f"Takes {gain:.1f} dB off the noise it knows; {self.rival} {beside:.1f} dB{more}."

    def _strangers(self, name: str) -> str:
        share = f"{self.means[name]:.1%}"
        if name.startswith("ood_auroc"):
            return f"A stranger is found stranger than an ordinary row {share} of the time."
        return f"{share} of strangers are flagged where 1% of ordinary rows are."

    def _rank(self) -> str:
        rank = self.means["effective_rank"]
        return f"Spreads over about {rank:.0f} of {self.latent_dim} directions."

    def _kept(self) -> str:
        kept, beside = self.means["neighbour_recall"], self.means["neighbour_recall" + PCA]
        return f"Keeps {kept:.0%} of the 10 nearest neighbours; {self.rival} {beside:.0%}."

    def _dead(self) -> str:
        count = int(self.means["dead_dimensions"])
        if count == 0:
            return "Every dimension carries something."
        told = "dimension carries" if count == 1 else "dimensions carry"
        return f"{count} of {self.latent_dim} {told} nothing: a smaller latent would do."


def _shown(name: str, value: float) -> str:
    """Writes a number as people read it."""
    if not math.isfinite(value):
        return "–"
    if name in (RATIO, "neighbour_recall", "codebook_use"):
        return f"{value:.0%}"
    if name in ACCURACIES:
        return f"{value:.1%}"
    if name.startswith("ood_caught"):
        return f"{value:.1%}"
    if name.startswith("ood_auroc"):
        return f"{value:.3f}"
    return f"{value:{FORMATS.get(name, 'g')}}{' dB' if name in DECIBELS else ''}"


def _shown_limits(name: str, limits: Limits) -> str:
    low, high = (_shown(name, limit) for limit in limits)
    return f"{low.removesuffix('%').removesuffix(' dB')} – {high}"


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))
