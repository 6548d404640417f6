"""The page of an evaluation: verdicts, metrics compared with baselines, pictures and links."""

import json
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from aeflow.artifacts import Dataset, Evaluation, Model, Publication
from aeflow.measures import MEASURES
from aeflow.registry.verdicts import verdict_about
from aeflow.storage import Store
from flows.pages.links import report_address, report_line, tensorboard_line
from flows.pages.posting import json_file, markdown_table, number, picture, post, slug

__all__ = ["card_table", "evaluation_page", "metrics_table", "show_evaluation"]

PANEL = "figures/reconstructions.png"


def show_evaluation(
    evaluation: Evaluation,
    store: str,
    *,
    dataset: Dataset,
    model: Model,
    publication: Publication | None = None,
) -> None:
    """Shows an evaluation as a page with pictures, its metrics as a table, and its report.

    A run shows an evaluation once: a later page, with the verdict or the report, replaces it.
    """
    page = evaluation_page(evaluation, store, dataset=dataset, model=model, publication=publication)
    table, name = metrics_table(evaluation, latent_dim=model.latent_dim), slug(dataset.name)
    description = _judgement_of(evaluation, store)["verdict"]
    shown = {"about": evaluation, "description": description}
    post(create_markdown_artifact, page, key=f"evaluation-{name}", **shown)
    post(create_table_artifact, table, key=f"metrics-{name}", **shown)
    if publication:
        _show_report(
            publication, store, key=f"report-{name}", description=f"Report on {dataset.name}"
        )


def evaluation_page(
    evaluation: Evaluation,
    store: str,
    *,
    dataset: Dataset,
    model: Model,
    publication: Publication | None = None,
) -> str:
    """Returns an evaluation as Markdown."""
    entries = Store(store).manifest(evaluation.address).files
    names = {entry.name for entry in entries} & {PANEL}
    folder = Store(store).reading(evaluation, names)
    judgement = _judgement_of(evaluation, store)
    parts = [
        f"# {dataset.name}: {model.network}/{model.kind}, {model.latent_dim} latent dimensions "
        f"for {model.example_schema.size} input values",
        f"**{judgement['verdict']}**",
        _links(model, publication, store),
        markdown_table(card_table(judgement, latent_dim=model.latent_dim)),
        markdown_table(metrics_table(evaluation, latent_dim=model.latent_dim)),
        f"Computed on {evaluation.rows:,} rows of the split {evaluation.split}. "
        "PSNR is the mean over rows.",
    ]
    if PANEL in names:
        parts.append(
            f"![Originals above their reconstructions]({picture((folder / PANEL).read_bytes())})"
        )
    verdict = verdict_about(evaluation, Store(store))
    if verdict:
        parts.append(f"**Gate.** {json_file(verdict, store, 'verdict.json')[0]['verdict']}")
    parts.append(
        f"The files of this evaluation of model `{model.key}` on dataset `{dataset.key}` are in "
        f"`{folder}`."
    )
    return "\n\n".join(parts) + "\n"


def card_table(judgement: dict[str, Any], *, latent_dim: int) -> list[dict[str, str]]:
    """Returns a row per value of the health card: value, interval, value of PCA, and judgement."""
    return [
        {
            "health card": row["title"],
            "value": row["shown"]["value"],
            "95 % interval": row["shown"]["interval"] or "–",
            f"PCA-{latent_dim}": row["shown"]["pca"],
            "what it means": row["judgement"],
        }
        for row in judgement.get("card", [])
    ]


def metrics_table(evaluation: Evaluation, *, latent_dim: int) -> list[dict[str, str]]:
    """Returns a row per metric, with the values of the model, of PCA and of the mean image.

    PCA has the latent size of the model.
    """
    columns = {"this model": "", f"PCA-{latent_dim}": "_pca", "mean image": "_mean_image"}
    return [
        {"metric": f"{measure.short}{measure.unit and f' ({measure.unit})'}"}
        | {
            column: number(evaluation.metrics.get(f"{metric}{suffix}"))
            for column, suffix in columns.items()
        }
        for metric, measure in MEASURES.items()
        if measure.short and metric in evaluation.metrics
    ]


def _links(model: Model, publication: Publication | None, store: str) -> str:
    if publication is None:
        return tensorboard_line(f"logs/{model.key}", store)
    tensorboard = tensorboard_line(f"{publication.address}/{publication.tensorboard}", store)
    return f"{report_line(publication, store)}  \n{tensorboard}"


def _show_report(publication: Publication, store: str, *, key: str, description: str) -> None:
    address = report_address(publication, store)
    if address:
        post(create_link_artifact, address, key=key, link_text=description, description=description)
    else:
        line = report_line(publication, store)
        post(create_markdown_artifact, line, key=key, description=description)


def _judgement_of(evaluation: Evaluation, store: str) -> dict[str, Any]:
    path = Store(store).reading(evaluation, ["metrics.json"]) / "metrics.json"
    return json.loads(path.read_bytes())
