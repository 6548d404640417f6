"""The pages of a drift and of a verdict: what was found, column by column, rule by rule."""

from prefect.artifacts import create_markdown_artifact

from aeflow.artifacts import Dataset, Drift, Verdict
from flows.pages.posting import cell, markdown_table, measured, picture, post, slug

__all__ = ["show_drift", "show_verdict"]

DRIFT_COLUMNS = ("column", "test", "psi", "statistic", "p", "drifted")
INPUT_COLUMNS = ("position", "mean", "mean_now", "std", "std_now", "effect", "p", "moved")
RULE_COLUMNS = ("rule", "metric", "value", "threshold", "baseline", "passed", "why")


def show_drift(drift: Drift, store: str, *, dataset: Dataset) -> None:
    """Shows on a page which columns have drifted, a picture of the errors, and the inputs."""
    found, folder = measured(drift, store, "drift.json")
    inputs = found["inputs"]
    largest = [{name: cell(row[name]) for name in INPUT_COLUMNS} for row in inputs["largest"]]
    table = [{name: cell(row[name]) for name in DRIFT_COLUMNS} for row in found["columns"]]
    shown = picture((folder / "figures" / "drift.png").read_bytes())
    parts = [
        f"# Drift of {dataset.name}",
        f"**{found['verdict']}**",
        f"![Errors before and now]({shown})",
        markdown_table(table),
        "## What goes in",
        f"At {inputs['moved']} of {inputs['positions']} positions the mean is another than in "
        "training, by a fifth of a standard deviation or more. This decides nothing by itself.",
        markdown_table(largest),
    ]
    _post("\n\n".join(parts), key=f"drift-{slug(dataset.name)}", told=found["verdict"])


def show_verdict(verdict: Verdict, store: str) -> None:
    """Shows a verdict on a page: each rule, what it found, and why."""
    judged, _ = measured(verdict, store, "verdict.json")
    table = [{name: cell(row[name]) for name in RULE_COLUMNS} for row in judged["rules"]]
    name, said = verdict.dataset_name, judged["verdict"]
    page = f"# Verdict on {name}\n\n**{said}**\n\n{markdown_table(table)}\n"
    _post(page, key=f"verdict-{slug(name)}", told=said)


def _post(page: str, *, key: str, told: str) -> None:
    post(create_markdown_artifact, page, key=key, description=told)
