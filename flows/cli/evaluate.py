"""`aeflow evaluate`: the evaluation of a stored model."""

from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import ANY_EVALUATION, DEFAULTS, EvaluateOptions, Options, config_of
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe

__all__ = ["evaluate"]


def evaluate(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    evaluation: EvaluateOptions = ANY_EVALUATION,
    options: Options = DEFAULTS,
) -> None:
    """Evaluates a stored model on the dataset that it was trained on."""
    carry_out(recipe.evaluate_model, options, config=config_of(options, evaluation), model=model)
