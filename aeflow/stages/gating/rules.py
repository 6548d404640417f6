"""The rules of the gate: functions that return a ruling, with its reason in plain words."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from aeflow.configs import GateConfig

__all__ = ["RULES", "Case", "Ruling"]

READERS = {"probe": "A linear probe", "knn": "A vote of the 10 nearest training rows"}
NO_CHAMPION = "There is no champion to compare with."
ROUNDING = 1e-9
"""The rounding error that is allowed in a difference of two shares."""


class Ruling(BaseModel):
    """Holds the result of one rule, which is a row in the table of the verdict.

    `baseline` is the value of the rival, PCA or the champion. In a rule with a rival, `threshold`
    is computed from `baseline`. `value`, `threshold` and `baseline` are None if they are not
    finite, or if the rule does not have them.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    metric: str
    value: float | None = None
    threshold: float | None = None
    baseline: float | None = None
    passed: bool
    why: str


@dataclass(frozen=True)
class Case:
    """Holds the inputs of the rules.

    `damage` says why the stored model cannot be loaded, or is None if it can be loaded.
    """

    config: GateConfig
    split: str
    latent_dim: int
    metrics: dict[str, float]
    examples: pa.Table
    damage: str | None
    champion: str | None
    champion_metrics: dict[str, float]


def _beats_pca(case: Case) -> Ruling:
    rival, ratio = f"PCA-{case.latent_dim}", case.config.max_ratio_to_pca
    return _within("beats_pca", case, baseline=case.metrics["mse_pca"], ratio=ratio, rival=rival)


def _beats_champion(case: Case) -> Ruling:
    rule, ratio = "beats_champion", case.config.max_ratio_to_champion
    if case.champion is None:
        return _not_applicable(rule, "mse", case.metrics["mse"], NO_CHAMPION)
    baseline, rival = case.champion_metrics["mse"], f"the champion {case.champion}"
    return _within(rule, case, baseline=baseline, ratio=ratio, rival=rival)


def _within(rule: str, case: Case, *, baseline: float, ratio: float, rival: str) -> Ruling:
    mse, threshold = case.metrics["mse"], ratio * baseline
    passed = mse <= threshold  # nan does not pass
    relation = "is within" if passed else "is not within"
    return Ruling(
        rule=rule,
        metric="mse",
        value=_finite_or_none(mse),
        threshold=_finite_or_none(threshold),
        baseline=_finite_or_none(baseline),
        passed=passed,
        why=f"The {case.split} MSE {mse:.6g} {relation} {threshold:.6g}, "
        f"{ratio:g} x that of {rival}.",
    )


def _classifies_like_pca(reader: str, case: Case) -> Ruling:
    pca = case.metrics.get(f"{reader}_accuracy_pca")
    rule, rival = f"{reader}_beats_pca", f"PCA-{case.latent_dim}"
    return _classifies(rule, reader, case, baseline=pca, rival=rival)


def _classifies_like_champion(reader: str, case: Case) -> Ruling:
    rule, metric = f"{reader}_beats_champion", f"{reader}_accuracy"
    if case.champion is None:
        return _not_applicable(rule, metric, case.metrics.get(metric), NO_CHAMPION)
    baseline = case.champion_metrics.get(metric)
    return _classifies(rule, reader, case, baseline=baseline, rival=f"the champion {case.champion}")


def _classifies(
    rule: str, reader: str, case: Case, *, baseline: float | None, rival: str
) -> Ruling:
    metric = f"{reader}_accuracy"
    value, points = case.metrics.get(metric), case.config.max_points_lost
    if value is None or baseline is None:
        why = "Classifying was not scored: the rows have no labels."
        return _not_applicable(rule, metric, value, why)
    threshold = baseline - points / 100
    passed = value >= threshold - ROUNDING  # nan does not pass
    relation = "is not below" if passed else "is below"
    tolerance_text = f" less {points:g} point{'s' * (points != 1)}" if points else ""
    return Ruling(
        rule=rule,
        metric=metric,
        value=_finite_or_none(value),
        threshold=_finite_or_none(threshold),
        baseline=_finite_or_none(baseline),
        passed=passed,
        why=f"{READERS[reader]} on the features classifies {value:.1%} correctly, which {relation} "
        f"the {baseline:.1%} of {rival}{tolerance_text}.",
    )


def _dead_dimensions(case: Case) -> Ruling:
    rule = metric = "dead_dimensions"
    if metric not in case.metrics:
        return _not_applicable(rule, metric, None, "Dead dimensions were not counted.")
    count = case.metrics[metric]
    threshold = case.config.max_dead_share * case.latent_dim
    passed = count <= threshold
    relation = "which is allowed" if passed else f"more than the {threshold:g} allowed"
    carry = "carries" if count == 1 else "carry"
    sentence = (
        f"{count:g} of {case.latent_dim} dimensions of the latent {carry} nothing, {relation}"
        if math.isfinite(count)
        else "The latents are not finite, so that none of their dimensions carries anything"
    )
    remedy = (
        ""
        if passed
        else ": the latent has collapsed. Train with other options, or with a smaller latent"
    )
    return Ruling(
        rule=rule,
        metric=metric,
        value=_finite_or_none(count),
        threshold=threshold,
        passed=passed,
        why=f"{sentence}{remedy}.",
    )


def _effective_rank(case: Case) -> Ruling:
    rule = metric = "effective_rank"
    if metric not in case.metrics:
        return _not_applicable(rule, metric, None, "The effective rank was not measured.")
    rank = case.metrics[metric]
    threshold = case.config.min_rank_share * case.latent_dim
    passed = rank >= threshold
    relation = "not fewer" if passed else "fewer"
    return Ruling(
        rule=rule,
        metric=metric,
        value=_finite_or_none(rank),
        threshold=threshold,
        passed=passed,
        why=f"The latents spread over {rank:.3g} of {case.latent_dim} directions, {relation} than "
        f"the {threshold:.3g} asked for.",
    )


def _not_applicable(rule: str, metric: str, value: float | None, why: str) -> Ruling:
    """Returns a ruling that passes because the rule cannot be applied; `why` says why."""
    finite_value = None if value is None else _finite_or_none(value)
    return Ruling(rule=rule, metric=metric, value=finite_value, passed=True, why=why)


def _finite(case: Case) -> Ruling:
    counts = {name: int(not math.isfinite(value)) for name, value in case.metrics.items()}
    for name in case.examples.column_names:
        counts[name] = counts.get(name, 0) + _not_finite_in(case.examples[name])
    bad_names, total = [name for name, count in counts.items() if count], sum(counts.values())
    why = (
        f"Numbers that are not finite: {total:,}, in {', '.join(bad_names)}."
        if bad_names
        else f"All metrics and the scores and latents of {len(case.examples):,} rows are finite."
    )
    return Ruling(
        rule="finite",
        metric="numbers that are not finite",
        value=total,
        threshold=0,
        passed=total == 0,
        why=why,
    )


def _golden(case: Case) -> Ruling:
    why = case.damage or "The stored model reproduces its golden vectors."
    return Ruling(rule="golden", metric="golden vectors", passed=case.damage is None, why=why)


def _not_finite_in(column: pa.ChunkedArray) -> int:
    values = column.combine_chunks()
    if pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    if not pa.types.is_floating(values.type):
        return 0
    return int((~np.isfinite(values.to_numpy(zero_copy_only=False))).sum())


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


RULES: dict[str, Callable[[Case], Ruling]] = {
    "beats_pca": _beats_pca,
    "beats_champion": _beats_champion,
    "finite": _finite,
    "golden": _golden,
    "dead_dimensions": _dead_dimensions,
    "effective_rank": _effective_rank,
    "probe_beats_pca": partial(_classifies_like_pca, "probe"),
    "probe_beats_champion": partial(_classifies_like_champion, "probe"),
    "knn_beats_pca": partial(_classifies_like_pca, "knn"),
    "knn_beats_champion": partial(_classifies_like_champion, "knn"),
}
"""Maps the name of each rule in a config to the function that returns its ruling."""
