"""`aeflow evaluate`: a judgement of a stored model."""

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import DEFAULTS, Options, config_of
from flows.cli.running import carry_out

__all__ = ["evaluate"]


def evaluate(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    options: Options = DEFAULTS,
) -> None:
    """Evaluates a stored model on the dataset that it was trained on."""
    carry_out("evaluate_model", options, config=config_of(options), model=model)
