"""Trends: the error, drift and outcome of a dataset's runs over time, read from a store."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Drift, Evaluation, Verdict
from aeflow.lineage import Manifest
from aeflow.pictures.trends import trend_curves
from aeflow.registry.champions import history_of
from aeflow.registry.nights import Ending, Night, nights_of
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["TrendRow", "draw_trend", "trend_of"]

Outcome = Ending | Literal["passed", "not judged"]


class TrendRow(BaseModel):
    """Describes a night, or an earlier run by its result: a model compared with the champion.

    The model of a night is the champion at its end. Values that a run does not have, or that are
    not finite, are None.
    """

    model_config = ConfigDict(frozen=True)

    when: datetime
    model: str | None
    dataset: str | None
    split: str | None
    mse: float | None
    mse_pca: float | None
    champion_mse: float | None
    max_psi: float | None
    drifted: bool | None
    outcome: Outcome
    reasons: tuple[str, ...]
    fixed_mse: float | None = None
    fixed_mse_pca: float | None = None
    new_rows: int | None = None
    is_night: bool = False


def trend_of(dataset_name: str, store: Store, *, last: int = 30) -> list[TrendRow]:
    """Returns the last runs of a dataset name, the oldest first.

    These are its nights and, if there are fewer, the runs of before the first night, all on the
    split of the newest run.
    """
    nights = nights_of(dataset_name, store).nights
    rows = [_night_row(night) for night in nights]
    if len(rows) < last:
        start = nights[0].when - timedelta(seconds=nights[0].seconds) if nights else None
        rows = [
            row for row in _judged_rows(dataset_name, store) if not start or row.when < start
        ] + rows
    split = next((row.split for row in reversed(rows) if row.split), None)
    return [row for row in rows if row.split in (None, split)][-last:]


def draw_trend(rows: Sequence[TrendRow], file: BinaryIO) -> None:
    """Draws the rows as a PNG image: errors above, the largest drift below."""
    errors = ("mse", "mse_pca", "champion_mse", "fixed_mse", "fixed_mse_pca")
    names = ("when", *errors, "max_psi", "drifted", "outcome")
    trend_curves({name: [getattr(row, name) for row in rows] for name in names}, file)


def _judged_rows(dataset_name: str, store: Store) -> list[TrendRow]:
    """Returns the runs of a dataset name by what they left in the store, the oldest first.

    Each run is represented by a verdict, or by an evaluation that has none. An evaluation has no
    verdict if a champion was kept on new data, or if the model was never proposed for promotion.
    """
    evaluations = {
        manifest.question.address: manifest
        for manifest in manifests_of(Evaluation, store)
        if _name_in(manifest) == dataset_name
    }
    verdicts = [
        manifest
        for manifest in manifests_of(Verdict, store)
        if manifest.artifact["dataset_name"] == dataset_name
        and _input(manifest, "evaluation") in evaluations
    ]
    addresses_in_verdicts = {
        _input(verdict, name) for verdict in verdicts for name in ("evaluation", "champion")
    }
    history = history_of(dataset_name, store)
    promoted_verdicts = {entry.verdict for entry in history if entry.action == "promoted"}
    drifts = sorted(manifests_of(Drift, store), key=lambda manifest: manifest.created)
    psi = {_model_and_dataset(drift): Drift.model_validate(drift.artifact) for drift in drifts}
    rows = [
        _verdict_row(verdict, evaluations, psi, is_promoted=verdict.key in promoted_verdicts)
        for verdict in verdicts
    ]
    rows += [
        _row(evaluation, evaluation, psi.get(_model_and_dataset(evaluation)))
        for address, evaluation in evaluations.items()
        if address not in addresses_in_verdicts
    ]
    return sorted(rows, key=lambda row: (row.when, row.model))


def _night_row(night: Night) -> TrendRow:
    names = ("when", "split", "mse", "mse_pca", "fixed_mse", "fixed_mse_pca", "new_rows")
    return TrendRow(
        **{name: getattr(night, name) for name in (*names, "max_psi", "drifted", "outcome")},
        model=night.champion,
        dataset=night.data.partition("/")[2] if night.data else None,
        champion_mse=None,
        reasons=(night.reason,),
        is_night=True,
    )


def _verdict_row(
    verdict: Manifest,
    evaluations: Mapping[str, Manifest],
    psi: Mapping[tuple[str, str], Drift],
    *,
    is_promoted: bool,
) -> TrendRow:
    evaluation = evaluations[_input(verdict, "evaluation")]
    artifact = Verdict.model_validate(verdict.artifact)
    champion_evaluation = evaluations.get(_input(verdict, "champion"))
    drift = psi.get(_model_and_dataset(champion_evaluation)) if champion_evaluation else None
    row = _row(verdict, evaluation, drift)
    refused_or_passed = "passed" if artifact.passed else "refused"
    return row.model_copy(
        update={
            "champion_mse": _metric(champion_evaluation, "mse") if champion_evaluation else None,
            "outcome": "promoted" if is_promoted else refused_or_passed,
            "reasons": artifact.reasons,
        }
    )


def _row(run: Manifest, evaluation: Manifest, drift: Drift | None) -> TrendRow:
    return TrendRow(
        when=run.created,
        model=_input(evaluation, "model").partition("/")[2],
        dataset=_input(evaluation, "dataset").partition("/")[2],
        split=evaluation.artifact["split"],
        mse=_metric(evaluation, "mse"),
        mse_pca=_metric(evaluation, "mse_pca"),
        champion_mse=None,
        max_psi=_finite(drift.max_psi) if drift else None,
        drifted=drift.drifted if drift else None,
        outcome="not judged",
        reasons=(),
    )


def _model_and_dataset(manifest: Manifest) -> tuple[str, str]:
    """Returns the digests of the model and of the dataset of a drift or an evaluation."""
    inputs = manifest.question.inputs
    return inputs["model"].digest, inputs["dataset"].digest


def _input(manifest: Manifest, name: str) -> str:
    source = manifest.question.inputs.get(name)
    return source.address if source else ""


def _name_in(evaluation: Manifest) -> str:
    """Returns a dataset's name from its address, `datasets/<name>-<key>`."""
    return _input(evaluation, "dataset").partition("/")[2].rpartition("-")[0]


def _metric(evaluation: Manifest, name: str) -> float | None:
    value = Evaluation.model_validate(evaluation.artifact).metrics.get(name)
    return None if value is None else _finite(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
