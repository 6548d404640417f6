"""The page of a drift measurement, by column, and the page of a verdict, by rule."""

from prefect.artifacts import create_markdown_artifact

from aeflow.artifacts import Dataset, Drift, Verdict
from flows.pages.posting import cell, json_file, markdown_table, picture, post, slug

__all__ = ["show_drift", "show_verdict"]

DRIFT_COLUMNS = ("column", "test", "psi", "statistic", "p", "drifted")
INPUT_COLUMNS = ("position", "mean", "mean_now", "std", "std_now", "effect", "p", "moved")
RULE_COLUMNS = ("rule", "metric", "value", "threshold", "baseline", "passed", "why")


def show_drift(drift: Drift, store: str, *, dataset: Dataset) -> None:
    """Shows a page with the drift of each column, a picture of errors, and inputs that moved."""
    report, folder = json_file(drift, store, "drift.json")
    inputs = report["inputs"]
    largest = [{name: cell(row[name]) for name in INPUT_COLUMNS} for row in inputs["largest"]]
    table = [{name: cell(row[name]) for name in DRIFT_COLUMNS} for row in report["columns"]]
    drift_picture = picture((folder / "figures" / "drift.png").read_bytes())
    parts = [
        f"# Drift of {dataset.name}",
        f"**{report['verdict']}**",
        f"![Errors before and now]({drift_picture})",
        markdown_table(table),
        "## Inputs",
        f"At {inputs['moved']} of {inputs['positions']} positions of an input, the mean differs "
        "from the mean in training by a fifth of a standard deviation or more. This does not "
        "decide whether the data drifted.",
        markdown_table(largest),
    ]
    _post("\n\n".join(parts), key=f"drift-{slug(dataset.name)}", description=report["verdict"])


def show_verdict(verdict: Verdict, store: str) -> None:
    """Shows a verdict on a page, with the result of each rule and its reason."""
    report, _ = json_file(verdict, store, "verdict.json")
    table = [{name: cell(row[name]) for name in RULE_COLUMNS} for row in report["rules"]]
    name, sentence = verdict.dataset_name, report["verdict"]
    page = f"# Verdict on {name}\n\n**{sentence}**\n\n{markdown_table(table)}\n"
    _post(page, key=f"verdict-{slug(name)}", description=sentence)


def _post(page: str, *, key: str, description: str) -> None:
    post(create_markdown_artifact, page, key=key, description=description)
