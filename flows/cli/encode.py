"""`aeflow encode`: encodes data with a stored model."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Dataset, Model
from flows.cli.options import (
    ANY_ENCODING,
    ANY_SOURCE,
    DEFAULTS,
    EncodeOptions,
    Options,
    SourceOptions,
    config_of,
)
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe
from flows.recipes.stored import made_from, stored

__all__ = ["encode"]


def encode(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    source: SourceOptions = ANY_SOURCE,
    encoding: EncodeOptions = ANY_ENCODING,
    options: Options = DEFAULTS,
) -> None:
    """Encodes every row of a source with a stored model.

    If no source is given, the dataset that the model was trained on is encoded.
    """
    config = config_of(options, source, encoding)
    encoder = stored(options.url, model, Model)  # looked up once: the champion may change
    dataset = None if source.source else made_from(options.url, encoder, Dataset).key
    carry_out(recipe.encode_dataset, options, config=config, model=encoder.key, dataset=dataset)
