"""The results of a trial: all its scores, and the tables in `metrics.json`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from aeflow.stages.evaluation.anomalies import ood_scores
from aeflow.stages.evaluation.card import Card, health_card
from aeflow.stages.evaluation.denoising import denoising_scores
from aeflow.stages.evaluation.gathering import ScoredExamples
from aeflow.stages.evaluation.scores import scores_of
from aeflow.stages.evaluation.spaces import read_spaces
from aeflow.stages.evaluation.tables import label_table, percentile_table, verdict_line
from aeflow.stages.evaluation.trial import Trial
from aeflow.stages.evaluation.usage import usage_scores

__all__ = ["card_of", "tables_of"]


def _space_scores(trial: Trial) -> dict[str, np.ndarray]:
    scores = {}
    for suffix, space in trial.spaces.items():
        for name, score in scores_of(space).items():
            trial.on_step(name.replace("_", " "))
            scores[name + suffix] = score(space)
    return scores


SCORES: tuple[Callable[[Trial], dict[str, np.ndarray]], ...] = (
    _space_scores,
    ood_scores,
    usage_scores,
    denoising_scores,
)
"""Functions that return scores by name.

A score has either one value for all rows, [], or one value per row, [N]. Values per row are
averaged.
"""


def card_of(trial: Trial) -> Card:
    """Computes all scores of a trial, and returns the health card of its errors and scores.

    The trial must already have its errors.
    """
    trial = replace(trial, spaces=read_spaces(trial))
    scores = {name: value for score in SCORES for name, value in score(trial).items()}
    trial.on_step("intervals")
    return health_card(
        trial.errors,
        scores,
        latent_dim=trial.model.latent_dim,
        of_kind=trial.network.measures,
    )


def tables_of(
    trial: Trial, examples: ScoredExamples, *, metrics: dict[str, float], card: Card
) -> dict[str, Any]:
    """Returns the content of `metrics.json`: metrics, card, percentiles, labels, worst examples."""
    table = examples.table()
    labels = table["label"].to_pylist() if "label" in table.column_names else None
    return {
        "split": trial.split,
        "rows": examples.rows,
        "metrics": metrics,
        "card": card.rows,
        "percentiles": percentile_table(trial.errors["mse"]),
        "labels": label_table(trial.errors, labels, trial.dataset.label_names) if labels else [],
        "worst": [{key: row[key] for key in ("id", "mse", "label")} for row in examples.worst],
        "verdict": verdict_line(
            metrics,
            split=trial.split,
            latent_dim=trial.model.latent_dim,
            differences=card.differences,
        ),
    }
