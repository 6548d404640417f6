"""`aeflow neighbours`: the rows with the latents nearest to one row, as a table and a picture."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich import box
from rich.markup import escape
from rich.table import Table

from aeflow.artifacts import Dataset, FeatureSet
from aeflow.errors import ConfigError
from aeflow.features.listing import feature_set_of
from aeflow.storage import Store
from flows.cli.listing import print_uncut
from flows.cli.options import JsonOption, StoreOption
from flows.recipes.stored import made_from, stored

if TYPE_CHECKING:
    from aeflow.features.neighbours import Neighbour

__all__ = ["neighbours"]

LONGEST = 20
"""The maximum length of an id or a label below a picture, in characters."""


def neighbours(
    row: Annotated[str, Parameter(name="ID", help="Id of a row.")],
    *,
    features: Annotated[
        str | None, Parameter(help="Key of a feature set. By default, the newest one.")
    ] = None,
    dataset: Annotated[
        str | None,
        Parameter(help="Name of a dataset, to search its current features."),
    ] = None,
    num: Annotated[int, Parameter(help="Number of neighbours.")] = 10,
    picture: Annotated[
        str, Parameter(help="PNG file for the picture, if the data are images.")
    ] = "neighbours.png",
    store: StoreOption = "./aeflow-store",
    json: JsonOption = False,
) -> None:
    """Finds the rows with the latents nearest to those of one row, by Euclidean distance.

    This is a quick check whether features make sense. The search is exact and reads every row.
    """
    from aeflow.features.neighbours import nearest_rows

    if features and dataset:
        raise ConfigError(
            f"The features '{features}' belong to one dataset. Give --features or --dataset, not "
            "both."
        )
    opened = Store(store)
    feature_set = (
        stored(store, features, FeatureSet) if features else feature_set_of(dataset, opened)
    )
    rows = nearest_rows(feature_set, row, opened, num=num)
    source = made_from(store, feature_set, Dataset)
    print_uncut(_table_of(rows, source))
    is_image = source.example_schema.is_image
    picture_path = _draw(rows, source, opened, Path(picture)) if is_image else None
    if json:
        print(_json_of(rows, feature_set, picture_path))


def _table_of(rows: "list[Neighbour]", source: Dataset) -> Table:
    table = Table(box=box.SIMPLE)
    for title in ("id", "label", "split"):
        table.add_column(title, overflow="fold")
    table.add_column("distance", justify="right")
    for row in rows:
        label = escape(_label_name(row, source))
        table.add_row(escape(row.id), label, row.split, f"{row.distance:.4g}")
    return table


def _draw(rows: "list[Neighbour]", source: Dataset, store: Store, path: Path) -> Path:
    from aeflow.datasets.shards import read_examples
    from aeflow.pictures.galleries import neighbour_panel

    images = read_examples(source, [(row.shard, row.id) for row in rows], store)
    low, high = source.example_schema.value_range or (0.0, 1.0)
    captions = [_caption(row, source) for row in rows]
    neighbour_panel((images - low) / (high - low), captions, path)
    print(f"picture  {path.absolute()}")
    return path


def _caption(row: "Neighbour", source: Dataset) -> str:
    """Returns the id, the label and the distance of a row, each on its own line."""
    name = _label_name(row, source)
    label = name if source.label_names or not name else f"label {name}"
    return "\n".join(filter(None, (_short(row.id), _short(label), f"distance {row.distance:.3g}")))


def _label_name(row: "Neighbour", source: Dataset) -> str:
    if row.label is None:
        return ""
    is_index = 0 <= row.label < len(source.label_names)
    return source.label_names[row.label] if is_index else str(row.label)


def _short(text: str) -> str:
    """Returns a text of at most LONGEST characters. A longer text loses its middle."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[1 - half :]}"


def _json_of(rows: "list[Neighbour]", features: FeatureSet, picture_path: Path | None) -> str:
    row, *nearest = (
        {"id": r.id, "label": r.label, "split": r.split, "distance": r.distance} for r in rows
    )
    picture = str(picture_path.absolute()) if picture_path else None
    answer = {"features": features.key, "row": row, "neighbours": nearest, "picture": picture}
    return json.dumps(answer)
