"""`aeflow backfill`: encodes those days of a dated source that have no features yet."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.artifacts import Model
from aeflow.datasets.dating import dated, days, is_dated
from aeflow.datasets.sources import check_source
from aeflow.errors import AeflowError, ConfigError, Interrupted
from flows.cli.options import (
    ANY_ENCODING,
    ANY_SOURCE,
    DEFAULTS,
    EncodeOptions,
    Options,
    SourceOptions,
    undated_config_of,
)
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe
from flows.recipes.stored import stored

__all__ = ["backfill"]


def backfill(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    first: Annotated[str, Parameter(name="--from", help="The first day, as YYYY-MM-DD.")],
    last: Annotated[str, Parameter(name="--to", help="The last day, as YYYY-MM-DD.")],
    source: SourceOptions = ANY_SOURCE,
    encoding: EncodeOptions = ANY_ENCODING,
    options: Options = DEFAULTS,
) -> None:
    """Encodes a source with {date} in its address, day by day.

    A day that is encoded already is not encoded again. If a day fails, the other days are still
    encoded, and the error at the end names the failed days.
    """
    config = undated_config_of(options, source, encoding)
    if not is_dated(config.ingest):
        raise ConfigError(
            f"The source '{config.ingest.source}' has no place for a date. Write {{date}} or "
            "{date:%Y/%m/%d} into the address in place of the date."
        )
    encoder = stored(options.url, model, Model)  # looked up once: the champion may change
    failed: dict[str, AeflowError] = {}
    for day in days(first, last):
        print(f"{'day':<11}  {day}")
        dated_config = config.model_copy(update={"ingest": dated(config.ingest, day)})
        try:
            check_source(dated_config.ingest)
            carry_out(recipe.encode_dataset, options, config=dated_config, model=encoder.key)
        except Interrupted:
            raise
        except AeflowError as error:
            failed[str(day)] = error
    if failed:
        day, error = next(iter(failed.items()))
        raise type(error)(f"These days are not encoded: {', '.join(failed)}. On {day}: {error}")
