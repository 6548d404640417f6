"""`aeflow features`: the feature sets of a store, with a mark for the current one of a dataset."""

from rich.table import Table

from aeflow.features.listing import ListedFeatures, list_features
from aeflow.storage import Store
from flows.cli.listing import new_table, print_listing
from flows.cli.options import JsonOption, StoreOption

__all__ = ["features"]


def features(*, store: StoreOption = "./aeflow-store", json: JsonOption = False) -> None:
    """Lists feature sets, the newest first.

    The word `current` marks a feature set that is named in the features.json of its dataset.
    """
    opened = Store(store)
    rows = list_features(opened)
    nothing = f"There are no features in the store {opened.url}. `aeflow encode` makes some."
    print_listing(rows, _table_of(rows), as_json=json, nothing=nothing)


def _table_of(rows: list[ListedFeatures]) -> Table:
    table = new_table(
        words=("features", "made from", "by the model"),
        numbers=("latent", "rows", "files", "bytes"),
    )
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
