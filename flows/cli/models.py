"""`aeflow models`: the models of a store, and which are champions."""

import json
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from aeflow.champions import ListedModel, list_models
from aeflow.storage import Store
from flows.cli.options import JsonOption, StoreOption

__all__ = ["models"]

WIDE = 200
"""Columns of a listing that goes to a file or another program, so that nothing is cut off."""


def models(*, store: StoreOption = "./aeflow-store", json: JsonOption = False) -> None:
    """Lists models, the newest first, with the mean squared error of their newest evaluation."""
    opened = Store(store)
    rows = list_models(opened)
    if json:
        print(_json_of(rows))
    elif rows:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
        console.print(_table_of(rows))
    else:
        print(f"There are no models in the store {opened.url}. `aeflow train` makes one.")


def _json_of(rows: list[ListedModel]) -> str:
    return json.dumps([row.model_dump(mode="json") for row in rows])


def _table_of(rows: list[ListedModel]) -> Table:
    table = Table(box=box.SIMPLE)
    for title in ("model", "made from", "network/kind"):
        table.add_column(title, no_wrap=True)
    for title in ("latent", "MSE", "PCA's MSE"):
        table.add_column(title, justify="right")
    table.add_column("created (UTC)")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.key,
            row.made_from.removeprefix("datasets/"),
            f"{row.network}/{row.kind}",
            str(row.latent_dim),
            _number(row.metrics.get("mse")),
            _number(row.metrics.get("mse_pca")),
            f"{row.created:%Y-%m-%d %H:%M:%S}",
            "champion" if row.is_champion else "",
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
