"""The health card: each headline metric with its interval, PCA's value and an explanation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from aeflow.measures import MEASURES, PCA, RATIO, Measure
from aeflow.stages.evaluation.intervals import interval, resampled_means

__all__ = ["Card", "health_card"]

EXACT = 1e-12
Limits = tuple[float, float]


@dataclass(frozen=True)
class Card:
    """Holds the rows of a health card, and the metrics that the card adds to the mean errors.

    `differences` maps a metric's name to the 95 % interval of the difference between the model's
    value and PCA's value.
    """

    rows: list[dict[str, Any]]
    metrics: dict[str, float]
    differences: dict[str, Limits]


def health_card(
    errors: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray],
    *,
    latent_dim: int,
    of_kind: Mapping[str, Measure] = MappingProxyType({}),
) -> Card:
    """Returns the health card of a model's errors and scores.

    The errors are [N]. A score has one value per row, [N], or one value for all rows, []. The names
    of PCA's errors and scores have the suffix `_pca`. Each resample uses the same rows for the
    model and for PCA. `of_kind` are the measures that only the model's kind of autoencoder has.
    """
    measures = {**MEASURES, **of_kind}
    headline = [name for name, measure in measures.items() if measure.has_interval]
    compared_errors = {name: values for name, values in errors.items() if "mean_image" not in name}
    resampled = resampled_means(compared_errors)
    of_rows = {n: v for n, v in scores.items() if n.removesuffix(PCA) in headline and v.ndim}
    for length in {len(values) for values in of_rows.values()}:
        scores_alike = {name: values for name, values in of_rows.items() if len(values) == length}
        resampled |= resampled_means(scores_alike)
    means = {name: _mean(values) for name, values in (compared_errors | dict(scores)).items()}
    limits = {name: interval(values) for name, values in resampled.items() if name in headline}
    if means["mse" + PCA] >= EXACT:
        means |= {RATIO: means["mse"] / means["mse" + PCA], RATIO + PCA: 1.0}
        limits[RATIO] = interval(resampled["mse"] / resampled["mse" + PCA])
    pairs = [name for name in headline if name in resampled and name + PCA in resampled]
    differences = {name: interval(resampled[name] - resampled[name + PCA]) for name in pairs}
    card_rows = _CardRows(measures, means, limits, differences, f"PCA-{latent_dim}", latent_dim)
    shown_names = [name for name in measures if name in means and measures[name].on_card]
    shown_names.sort(key=lambda name: name.startswith("ood_"))  # after the kind's own
    rows = [card_rows.row(name) for name in shown_names]
    added_metrics = {name: means[name] for name in means if name in scores or name == RATIO}
    return Card(rows, added_metrics, differences)


@dataclass(frozen=True)
class _CardRows:
    """Builds the card's rows, each with a sentence that says what its value means."""

    measures: Mapping[str, Measure]
    means: Mapping[str, float]
    limits: Mapping[str, Limits]
    differences: Mapping[str, Limits]
    rival: str
    latent_dim: int

    def row(self, name: str) -> dict[str, Any]:
        measure = self.measures[name]
        value, pca = self.means[name], self.means.get(name + PCA, math.nan)
        limits = self.limits.get(name, (math.nan, math.nan))
        is_known = all(map(math.isfinite, limits))
        return {
            "name": name,
            "title": measure.title,
            "value": value if math.isfinite(value) else None,
            "interval": list(limits) if is_known else None,
            "pca": pca if math.isfinite(pca) else None,
            "shown": {
                "value": measure.shown(value),
                "interval": _shown_limits(measure, limits) if is_known else "",
                "pca": measure.shown(pca),
            },
            "judgement": self._judgement(name),
            "tone": self._tone(name),
        }

    def _tone(self, name: str) -> str:
        """Returns how a value compares with PCA's: "good", "bad", "even", or "" if not compared.

        A value that is not finite is bad. Dead dimensions are bad even if PCA has as many.
        """
        value = self.means[name]
        if not math.isfinite(value) or (name == "dead_dimensions" and value > 0):
            return "bad"
        metric = "mse" if name == RATIO else name
        if metric not in self.differences:
            return ""
        low, high = self.differences[metric]
        if low <= 0 <= high:
            return "even"
        return "good" if (high < 0) == (self.measures[metric].best is min) else "bad"

    def _judgement(self, name: str) -> str:
        if not math.isfinite(self.means[name]):
            return "Not a finite number: the model is broken."
        sentences = {
            RATIO: self._ratio,
            "dead_dimensions": self._dead,
            "denoising_gain": self._denoised,
        }
        if name in sentences:
            return sentences[name]()
        meaning = self.measures[name].meaning
        return self._filled(meaning, self.means[name]) if meaning else self._compared_with_pca(name)

    def _filled(self, meaning: str, value: float) -> str:
        return meaning.format(
            **self.means, value=value, rival=self.rival, latent_dim=self.latent_dim
        )

    def _compared_with_pca(self, name: str) -> str:
        measure, gain = self.measures[name], self.means[name] - self.means[name + PCA]
        low, high = self.differences.get(name, (0.0, 0.0))
        if low <= 0 <= high:
            return f"No clear difference from {self.rival}."
        is_better = (gain < 0) == (measure.best is min)
        better = "better" if is_better else "worse"
        return f"{measure.shown_difference(abs(gain))} {better} than {self.rival}."

    def _ratio(self) -> str:
        gains = [1 - limit for limit in reversed(self.limits[RATIO])]
        if gains[0] <= 0 <= gains[1]:
            return f"No clear difference from {self.rival}."
        least, most = sorted(abs(gain) for gain in gains)
        better = "better" if gains[0] > 0 else "worse"
        return f"Between {least:.0%} and {most:.0%} {better} than {self.rival}."

    def _denoised(self) -> str:
        gain, gain_of_pca = self.means["denoising_gain"], self.means["denoising_gain" + PCA]
        linear = self.means.get("denoising_gain_ridge")
        more = "" if linear is None else f", a linear map {linear:.1f} dB"
        return (
            f"Removes {gain:.1f} dB of the noise that it was trained on; "
            f"{self.rival} removes {gain_of_pca:.1f} dB{more}."
        )

    def _dead(self) -> str:
        count = int(self.means["dead_dimensions"])
        if count == 0:
            return "Every dimension carries something."
        carry = "carries" if count == 1 else "carry"
        return (
            f"{count} of {self.latent_dim} dimensions {carry} nothing: a smaller latent would do."
        )


def _shown_limits(measure: Measure, limits: Limits) -> str:
    low, high = map(measure.shown, limits)
    return f"{low.removesuffix('%').removesuffix(f' {measure.unit}')} – {high}"


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))
