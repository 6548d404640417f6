"""The outcome of a command on standard output: paths, which of them are new, and the verdict."""

import json
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table

from aeflow.artifacts import Artifact, Dataset, Evaluation, FeatureSet, Model
from aeflow.storage import Store
from aeflow.storage.listing import drafts_in
from flows.cli.listing import print_uncut
from flows.recipes.outcome import OneClass, Outcome, Retraining, Tuned

__all__ = ["print_outcome", "stopped_line"]


def print_outcome(outcome: Outcome, store: str, *, since: datetime, as_json: bool) -> None:
    """Prints one line per artifact, then the verdict. With `as_json`, a line of JSON follows."""
    opened = Store(store)
    for name, artifact in outcome.artifacts().items():
        is_new = opened.manifest(artifact.address).created >= since
        notes = [_size(artifact), "" if is_new else "already there"]
        print(f"{name:<11}  {'  '.join([opened.shown(artifact), *filter(None, notes)])}")
    if outcome.publication:
        print(f"{'report':<11}  {opened.shown(outcome.publication)}/{outcome.publication.report}")
    if outcome.evaluation:
        print(_verdict_of(outcome.evaluation, opened))
    if isinstance(outcome, Retraining) and outcome.ending not in ("Refused", "Held"):
        print(outcome.message())
    if isinstance(outcome, Tuned):
        print(f"{'config':<11}  {outcome.best.path}")
        print(outcome.best.sentence())
    if isinstance(outcome, OneClass):
        print_uncut(_table_of(outcome))
    if as_json:
        print(json.dumps(_json_of(outcome, opened)))


def _verdict_of(evaluation: Evaluation, store: Store) -> str:
    """Returns the sentence that says whether the model is good enough."""
    path = store.reading(evaluation, ["metrics.json"]) / "metrics.json"
    return json.loads(path.read_text("utf-8"))["verdict"]


def _table_of(outcome: OneClass) -> Table:
    """Returns a table with a row per label and a column per score.

    Each cell has the AUROC and, in brackets, the share of OOD rows that the score detects at 1 %
    false alarms.
    """
    from aeflow.stages.evaluation.one_class import WAYS

    caption = "AUROC (share caught at 1% false alarms)"
    table = Table(box=box.SIMPLE, padding=(0, 0, 0, 1), caption=caption)
    for title in ("label", *WAYS.values()):
        table.add_column(title, justify="right")
    rows = [(str(of_label["label"]), of_label) for of_label in outcome.classes]
    for name, numbers in (*rows, ("mean", outcome.means())):
        cells = [
            f"{numbers['auroc'][score]:.3f} ({numbers['caught'][score]:.0%})" for score in WAYS
        ]
        table.add_row(name, *cells)
    return table


def stopped_line(store: str) -> str:
    """Returns a line that names the unfinished work in a store."""
    names = drafts_in(Store(store))
    return f"Stopped. Kept in {store}: {', '.join(names) or 'all finished artifacts'}."


def _size(artifact: Artifact) -> str:
    match artifact:
        case Dataset(rows=rows, quarantined=0) | FeatureSet(rows=rows):
            return f"{sum(rows.values()):,} rows"
        case Dataset(rows=rows, quarantined=bad):
            return f"{sum(rows.values()):,} rows, {bad:,} in quarantine"
        case Model():
            size = artifact.example_schema.size
            latent = f"{artifact.latent_dim} latent dimensions for {size} input values"
            return f"{artifact.network}/{artifact.kind}, {latent}"
        case Evaluation():
            return f"{artifact.rows:,} rows of {artifact.split}"
    return ""


def _json_of(outcome: Outcome, store: Store) -> dict[str, Any]:
    artifacts = outcome.artifacts()
    parts: dict[str, Any] = {
        name: {"key": artifacts[name].key, "path": store.shown(artifacts[name])}
        if name in artifacts
        else None
        for name in outcome.parts()
    }
    if isinstance(outcome, Retraining):
        parts |= {"ending": outcome.ending, "reason": outcome.reason}
    if isinstance(outcome, Tuned):
        parts |= {"best": outcome.best.model_dump(mode="json")}
    if isinstance(outcome, OneClass):
        parts |= {"classes": outcome.classes, "mean": outcome.means()}
    return parts | {"metrics": outcome.evaluation.metrics if outcome.evaluation else {}}
