"""`aeflow publish`: a report on a stored model, and files for TensorBoard."""

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import ANY_EVALUATION, DEFAULTS, EvaluateOptions, Options, config_of
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe

__all__ = ["publish"]


def publish(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    evaluation: EvaluateOptions = ANY_EVALUATION,
    options: Options = DEFAULTS,
) -> None:
    """Publishes a stored model.

    If the model's evaluation or features are missing, they are made first.
    """
    carry_out(recipe.publish_model, options, config=config_of(options, evaluation), model=model)
