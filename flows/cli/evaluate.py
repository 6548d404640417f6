"""`aeflow evaluate`: a judgement of a stored model."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import check_source
from flows.cli.options import DEFAULTS, Options, config_of
from flows.cli.running import carry_out

__all__ = ["evaluate"]


def evaluate(
    *,
    model: Annotated[str, Parameter(help="Key of a model, or champion:NAME.")],
    ood_source: Annotated[
        str | None,
        Parameter(help="Source of rows that the model should find strange; images are resized."),
    ] = None,
    options: Options = DEFAULTS,
) -> None:
    """Evaluates a stored model on the dataset that it was trained on."""
    if ood_source:
        check_source(IngestConfig(source=ood_source))
    carry_out(
        "evaluate_model", options, config=config_of(options), model=model, ood_source=ood_source
    )
