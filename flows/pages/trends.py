"""The page of a dataset's trend: error, drift and outcome of its last runs."""

import io
from typing import Any

from prefect.artifacts import create_markdown_artifact

from aeflow.storage import Store
from flows.pages.posting import cell, markdown_table, number, picture, post, slug

__all__ = ["show_trend", "trend_page"]

JUDGED = "The errors of the champion and its challenger were computed on the same rows."
NIGHTS = (
    "The model is the champion at the end of the night. MSE is its error on the rows of the night, "
    "and on the fixed rows, which are the test rows of the first champion and the same every night."
)


def show_trend(dataset_name: str, store: str) -> None:
    """Shows the last runs of a dataset on a page. Each run replaces the page."""
    page = trend_page(dataset_name, store)
    description = f"Error, drift and outcome of the last runs on {dataset_name}"
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
    has_nights = rows[-1].is_night
    parts = [
        title,
        f"The last {len(rows)} runs{_on_split(rows)}. {NIGHTS if has_nights else JUDGED} Orange "
        "bars mark drift.",
        f"![Errors and drift over time]({picture(image.getvalue())})",
        markdown_table([(_night_line if has_nights else _line)(row) for row in newest_first]),
        *filter(None, map(_reason, newest_first)),
    ]
    return "\n\n".join(parts) + "\n"


def _on_split(rows: list[Any]) -> str:
    split = next((row.split for row in reversed(rows) if row.split), None)
    return f", with errors on the split {split}" if split else ""


def _line(row: Any) -> dict[str, str]:
    return {
        "when (UTC)": _time(row),
        "model": f"`{row.model}`",
        "MSE": number(row.mse),
        "champion's": number(row.champion_mse),
        "PCA's": number(row.mse_pca),
        "largest PSI": number(row.max_psi),
        "drifted": "–" if row.drifted is None else cell(row.drifted),
        "verdict": row.outcome,
    }


def _night_line(row: Any) -> dict[str, str]:
    return {
        "when (UTC)": _time(row),
        "outcome": row.outcome,
        "model": f"`{row.model[:8]}`" if row.model else "–",
        "MSE": number(row.mse),
        "PCA's": number(row.mse_pca),
        "MSE, fixed rows": number(row.fixed_mse),
        "PCA's, fixed rows": number(row.fixed_mse_pca),
        "largest PSI": number(row.max_psi),
        "drifted": "–" if row.drifted is None else cell(row.drifted),
        "new rows": "–" if row.new_rows is None else f"{row.new_rows:,}",
    }


def _time(row: Any) -> str:
    return f"{row.when:%d %b %H:%M}".replace(" ", "\N{NO-BREAK SPACE}")


def _reason(row: Any) -> str:
    """Returns a sentence on why a run needs a person, or "" if it does not."""
    if row.is_night:
        is_alarm = row.outcome in ("refused", "held", "failed")
        return f"{_time(row)}: {row.outcome}. {' '.join(row.reasons)}" if is_alarm else ""
    return f"`{row.model}` was refused. {' '.join(row.reasons)}" if row.outcome == "refused" else ""
