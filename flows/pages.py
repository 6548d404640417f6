"""What came out, on pages in the Prefect UI: an evaluation, its metrics, links to files."""

import base64
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from aeflow.artifacts import (
    Artifact,
    Dataset,
    Drift,
    Evaluation,
    FeatureSet,
    Model,
    Publication,
    Verdict,
)
from aeflow.storage import Store
from flows.live import SERVER_TROUBLE

__all__ = [
    "evaluation_page",
    "link_features",
    "link_report",
    "metrics_table",
    "show_drift",
    "show_evaluation",
    "show_verdict",
]

METRICS = {"mse": "MSE", "mae": "MAE", "psnr": "PSNR (dB)", "ssim": "SSIM"}
PANEL = "figures/reconstructions.png"

logger = logging.getLogger(__name__)


def show_evaluation(evaluation: Evaluation, store: str, *, dataset: Dataset, model: Model) -> None:
    """Shows an evaluation as a page with its pictures, and its metrics as a table."""
    page = evaluation_page(evaluation, store, dataset=dataset, model=model)
    table = metrics_table(evaluation, latent_dim=model.latent_dim)
    name = _slug(dataset.name)
    _post(create_markdown_artifact, page, key=f"evaluation-{name}")
    _post(create_table_artifact, table, key=f"metrics-{name}")


def show_drift(drift: Drift, store: str, *, dataset: Dataset) -> None:
    """Shows on a page which of the model's columns have drifted, and a picture of the errors."""
    measured, folder = _measured(drift, store, "drift.json")
    columns = ("column", "test", "psi", "statistic", "p", "drifted")
    table = [{name: _cell(row[name]) for name in columns} for row in measured["columns"]]
    parts = [
        f"# Drift of {dataset.name}",
        measured["verdict"],
        f"![Errors before and now]({_picture(folder / 'figures' / 'drift.png')})",
        _markdown(table),
    ]
    _post(create_markdown_artifact, "\n\n".join(parts), key=f"drift-{_slug(dataset.name)}")


def show_verdict(verdict: Verdict, store: str) -> None:
    """Shows a verdict on a page: each rule, what it found, and why."""
    judged, _ = _measured(verdict, store, "verdict.json")
    columns = ("rule", "metric", "value", "threshold", "baseline", "passed", "why")
    table = [{name: _cell(row[name]) for name in columns} for row in judged["rules"]]
    page = f"# Verdict on {verdict.dataset_name}\n\n{judged['verdict']}\n\n{_markdown(table)}\n"
    _post(create_markdown_artifact, page, key=f"verdict-{_slug(verdict.dataset_name)}")


def link_features(features: FeatureSet, store: str, *, dataset: Dataset) -> None:
    """Links to the folder with the features."""
    rows = sum(features.rows.values())
    text = f"{rows:,} rows of {features.latent_dim} features of {dataset.name}"
    _link(features, store, "", text=text, key=f"features-{_slug(dataset.name)}")


def link_report(publication: Publication, store: str, *, dataset: Dataset) -> None:
    """Links to the report."""
    text, key = f"Report on {dataset.name}", f"report-{_slug(dataset.name)}"
    _link(publication, store, publication.report, text=text, key=key)


def evaluation_page(evaluation: Evaluation, store: str, *, dataset: Dataset, model: Model) -> str:
    """Returns an evaluation as Markdown: verdict, metrics beside the baselines, pictures."""
    entries = Store(store).manifest(evaluation.address).files
    names = {entry.name for entry in entries} & {"metrics.json", PANEL}
    folder = Store(store).reading(evaluation, names)
    judged = json.loads((folder / "metrics.json").read_text("utf-8"))
    parts = [
        f"# {dataset.name}: {model.network}/{model.kind}, {model.latent_dim} numbers "
        f"for {model.example_schema.size}",
        judged["verdict"],
        _markdown(metrics_table(evaluation, latent_dim=model.latent_dim)),
        f"{evaluation.rows:,} rows of the split {evaluation.split}; PSNR is the mean over rows.",
    ]
    if PANEL in names:
        parts.append(f"![Originals over reconstructions]({_picture(folder / PANEL)})")
    parts.append(f"Model `{model.key}` on dataset `{dataset.key}`: `{folder}`")
    return "\n\n".join(parts) + "\n"


def metrics_table(evaluation: Evaluation, *, latent_dim: int) -> list[dict[str, str]]:
    """Returns a row for each metric: this model, PCA at the same size, the mean image."""
    columns = {"this model": "", f"PCA-{latent_dim}": "_pca", "mean image": "_mean_image"}
    return [
        {"metric": title}
        | {
            column: _number(evaluation.metrics.get(f"{metric}{suffix}"))
            for column, suffix in columns.items()
        }
        for metric, title in METRICS.items()
        if metric in evaluation.metrics
    ]


def _measured(artifact: Artifact, store: str, name: str) -> tuple[dict, Path]:
    names = [entry.name for entry in Store(store).manifest(artifact.address).files]
    folder = Store(store).reading(artifact, names)
    return json.loads((folder / name).read_bytes()), folder


def _post(create: Callable[..., Any], content: Any, *, key: str) -> None:
    try:
        create(content, key=key)
    except SERVER_TROUBLE as error:
        logger.warning("the page %s was not shown: %s", key, error)


def _link(artifact: Artifact, store: str, name: str, *, text: str, key: str) -> None:
    address = (Store(store).locate(artifact) / name).as_uri()
    try:
        create_link_artifact(address, link_text=text, key=key)
    except SERVER_TROUBLE as error:
        logger.warning("the link %s was not shown: %s", key, error)


def _markdown(table: list[dict[str, str]]) -> str:
    columns = list(table[0]) if table else []
    rows = [columns, ["---", *["---:"] * (len(columns) - 1)], *(list(r.values()) for r in table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, float | None) else str(value)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _picture(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _slug(name: str) -> str:
    """Prefect's keys have lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
