"""`aeflow ingest`: a dataset from a source."""

from flows.cli.options import ANY_SOURCE, DEFAULTS, Options, SourceOptions, config_of
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe

__all__ = ["ingest"]


def ingest(*, source: SourceOptions = ANY_SOURCE, options: Options = DEFAULTS) -> None:
    """Prepares a dataset from a source."""
    carry_out(recipe.ingest_dataset, options, config=config_of(options, source))
