"""The page of a drift measurement, by column, and the page of a verdict, by rule."""

from prefect.artifacts import create_markdown_artifact

from aeflow.artifacts import Dataset, Drift, Verdict
from flows.pages.posting import cell, json_file, markdown_table, picture, post, slug

__all__ = ["show_drift", "show_verdict"]

DRIFT_COLUMNS = ("column", "test", "psi", "statistic", "p", "drifted")
INPUT_COLUMNS = ("position", "mean", "mean_now", "std", "std_now", "effect", "p", "moved")
NEW_COLUMNS = ("column", "psi", "unusual_psi", "p", "drifted")
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
        *_new_rows(report.get("new")),
        "## All rows",
        f"![Errors before and now]({drift_picture})",
        markdown_table(table),
        "## Inputs",
        f"At {inputs['moved']} of {inputs['positions']} positions of an input, the mean differs "
        "from the mean in training by a fifth of a standard deviation or more. This does not "
        "decide whether the data drifted.",
        markdown_table(largest),
    ]
    description = report["new"]["verdict"] if drift.new_drifted else report["verdict"]
    _post("\n\n".join(parts), key=f"drift-{slug(dataset.name)}", description=description)


def _new_rows(new: dict | None) -> list[str]:
    """Returns the part of the page about the rows that an earlier dataset does not have."""
    if new is None:
        return []
    parts = ["## New rows", f"**{new['verdict']}**"]
    if new["new_rows"]:
        far = new["far"]
        table = [{name: cell(row[name]) for name in NEW_COLUMNS} for row in new["columns"]]
        parts += [
            f"{new['new_rows']:,} rows are new since `{new['since']}`. Nights with fewer than 200 "
            f"new rows are judged together with the nights before them. {new['rows']:,} new rows "
            f"were compared with {new['nights']} earlier nights of as many rows. "
            f"{far['count']:,} new rows ({far['share']:.2%}) are far from all earlier ones; "
            f"{far['least']:,} or more are reported as drift.",
            "A column drifted if its index is at least 0.25, and at least twice that of an unusual "
            "earlier night, by more than chance explains.",
            markdown_table(table),
        ]
    return parts


def show_verdict(verdict: Verdict, store: str) -> None:
    """Shows a verdict on a page, with the result of each rule and its reason."""
    report, _ = json_file(verdict, store, "verdict.json")
    table = [{name: cell(row[name]) for name in RULE_COLUMNS} for row in report["rules"]]
    name, sentence = verdict.dataset_name, report["verdict"]
    page = f"# Verdict on {name}\n\n**{sentence}**\n\n{markdown_table(table)}\n"
    _post(page, key=f"verdict-{slug(name)}", description=sentence)


def _post(page: str, *, key: str, description: str) -> None:
    post(create_markdown_artifact, page, key=key, description=description)
