"""`aeflow rollback`: the previous champion of a dataset becomes its champion again."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.registry import champions
from aeflow.storage import Store
from flows.cli.options import JsonOption, StoreOption

__all__ = ["rollback"]


def rollback(
    dataset: Annotated[str, Parameter(help="Name of a dataset.")],
    *,
    store: StoreOption = "./aeflow-store",
    json: JsonOption = False,
) -> None:
    """Makes the previous champion the champion again. A second rollback goes further back."""
    entry = champions.rollback(dataset, Store(store))
    print(f"{dataset}: the champion is '{entry.model}' again, it was '{entry.before}' before.")
    if json:
        print(entry.model_dump_json())
