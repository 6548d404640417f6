"""`aeflow encode`: features of data, by a stored model."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Dataset, Model
from flows.cli.options import ANY_SOURCE, DEFAULTS, Options, SourceOptions, config_of
from flows.cli.running import carry_out
from flows.stored import made_from, stored

__all__ = ["encode"]


def encode(
    *,
    model: Annotated[str, Parameter(help="Key of a model.")],
    source: SourceOptions = ANY_SOURCE,
    options: Options = DEFAULTS,
) -> None:
    """Encodes a source, every row of it, or else the dataset that the model was trained on."""
    config = config_of(options, source)
    dataset = None if source.source else _own_dataset(options.url, model)
    carry_out("encode_dataset", options, config=config, model=model, dataset=dataset)


def _own_dataset(store: str, model: str) -> str:
    return made_from(store, stored(store, model, Model), Dataset).key
