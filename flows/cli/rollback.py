"""`aeflow rollback`: the previous champion of a dataset becomes its champion again."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.configs import RuntimeConfig
from flows.cli.bars import stage_bars
from flows.cli.options import JsonOption, StoreOption
from flows.recipes import champions
from flows.recipes.here import Here
from flows.recipes.stored import absolute

__all__ = ["rollback"]


def rollback(
    dataset: Annotated[str, Parameter(help="Name of a dataset.")],
    *,
    store: StoreOption = "./aeflow-store",
    json: JsonOption = False,
) -> None:
    """Makes the previous champion the champion again. A second rollback goes further back.

    The features address of the dataset points at the features of that champion again. The features
    are encoded if they are not in the store. The model that loses its place is promoted again only
    by `aeflow promote KEY --again`.
    """
    with stage_bars():
        entry = champions.rollback(dataset, Here(absolute(store), RuntimeConfig()))
    print(f"{dataset}: the champion is '{entry.model}' again, it was '{entry.before}' before.")
    print(f"'{entry.before}' stays down until `aeflow promote {entry.before} --again`.")
    if json:
        print(entry.model_dump_json())
