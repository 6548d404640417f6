"""`aeflow models`: the models of a store, and which are champions, rolled back or refused."""

from rich.table import Table

from aeflow.registry.listing import ListedModel, list_models
from aeflow.storage import Store
from flows.cli.listing import new_table, print_listing
from flows.cli.options import JsonOption, StoreOption

__all__ = ["models"]


def models(*, store: StoreOption = "./aeflow-store", json: JsonOption = False) -> None:
    """Lists models, the newest first, with the mean squared error of their newest evaluation."""
    opened = Store(store)
    rows = list_models(opened)
    nothing = f"There are no models in the store {opened.url}. `aeflow train` makes one."
    print_listing(rows, _table_of(rows), as_json=json, nothing=nothing)


def _table_of(rows: list[ListedModel]) -> Table:
    table = new_table(
        words=("model", "made from", "network/kind"), numbers=("latent", "MSE", "PCA's MSE")
    )
    for row in rows:
        table.add_row(
            row.key,
            row.made_from.removeprefix("datasets/"),
            f"{row.network}/{row.kind}",
            str(row.latent_dim),
            _number(row.metrics.get("mse")),
            _number(row.metrics.get("mse_pca")),
            f"{row.created:%Y-%m-%d %H:%M:%S}",
            _standing(row),
        )
    return table


def _standing(row: ListedModel) -> str:
    if row.is_champion:
        return "champion"
    if row.is_rolled_back:
        return "rolled back"
    return "refused" if row.is_refused else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
