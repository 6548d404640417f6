"""The page of a dataset's trend: error, drift and verdict of its last runs."""

import io
from typing import Any

from prefect.artifacts import create_markdown_artifact

from aeflow.storage import Store
from flows.pages.posting import cell, markdown_table, number, picture, post, slug

__all__ = ["show_trend", "trend_page"]


def show_trend(dataset_name: str, store: str) -> None:
    """Shows the last runs of a dataset on a page. Each run replaces the page."""
    page = trend_page(dataset_name, store)
    description = f"Error, drift and verdict of the last runs on {dataset_name}"
    post(create_markdown_artifact, page, key=f"trend-{slug(dataset_name)}", description=description)


def trend_page(dataset_name: str, store: str) -> str:
    """Returns the trend as Markdown, the newest run first."""
    from aeflow.registry.trends import draw_trend, trend_of

    rows = trend_of(dataset_name, Store(store))
    title = f"# Trend of {dataset_name}"
    if not rows:
        return f"{title}\n\nNo model of this dataset was evaluated yet.\n"
    image = io.BytesIO()
    draw_trend(rows, image)
    newest_first = rows[::-1]
    refused_rows = [row for row in newest_first if row.outcome == "refused"]
    parts = [
        title,
        f"The last {len(rows)} runs, with errors on the split {rows[-1].split}. The errors of the "
        "champion and its challenger were computed on the same rows. Orange bars mark drift.",
        f"![Errors and drift over time]({picture(image.getvalue())})",
        markdown_table([_line(row) for row in newest_first]),
        *(f"`{row.model}` was refused. {' '.join(row.reasons)}" for row in refused_rows),
    ]
    return "\n\n".join(parts) + "\n"


def _line(row: Any) -> dict[str, str]:
    return {
        "when (UTC)": f"{row.when:%d %b %H:%M}".replace(" ", "\N{NO-BREAK SPACE}"),
        "model": f"`{row.model}`",
        "MSE": number(row.mse),
        "champion's": number(row.champion_mse),
        "PCA's": number(row.mse_pca),
        "largest PSI": number(row.max_psi),
        "drifted": "–" if row.drifted is None else cell(row.drifted),
        "verdict": row.outcome,
    }
