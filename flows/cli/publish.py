"""`aeflow publish`: a report on a stored model, and files for TensorBoard."""

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import DEFAULTS, Options, config_of
from flows.cli.running import carry_out

__all__ = ["publish"]


def publish(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    options: Options = DEFAULTS,
) -> None:
    """Publishes a stored model; what is not there yet, evaluation and features, is made first."""
    carry_out("publish_model", options, config=config_of(options), model=model)
