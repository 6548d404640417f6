"""`aeflow features`: the feature sets of a store, and which are the newest of their dataset."""

import json
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from aeflow.feature_sets import ListedFeatures, list_features
from aeflow.storage import Store
from flows.cli.models import WIDE
from flows.cli.options import JsonOption, StoreOption

__all__ = ["features"]


def features(*, store: StoreOption = "./aeflow-store", json: JsonOption = False) -> None:
    """Lists feature sets, the newest first; `current` is what features.json of a dataset names."""
    opened = Store(store)
    rows = list_features(opened)
    if json:
        print(_json_of(rows))
    elif rows:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
        console.print(_table_of(rows))
    else:
        print(f"There are no features in the store {opened.url}. `aeflow encode` makes some.")


def _json_of(rows: list[ListedFeatures]) -> str:
    return json.dumps([row.model_dump(mode="json") for row in rows])


def _table_of(rows: list[ListedFeatures]) -> Table:
    table = Table(box=box.SIMPLE)
    for title in ("features", "made from", "by the model"):
        table.add_column(title, no_wrap=True)
    for title in ("latent", "rows", "files", "bytes"):
        table.add_column(title, justify="right")
    table.add_column("created (UTC)")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.key,
            row.made_from,
            row.model,
            str(row.latent_dim),
            f"{sum(row.rows.values()):,}",
            f"{row.shards:,}",
            f"{row.size:,}",
            f"{row.created:%Y-%m-%d %H:%M:%S}",
            "current" if row.is_current else "",
        )
    return table
