"""`aeflow one-class`: a model per label, and how well it detects the rows of other labels."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.options import (
    ANY_MODEL,
    ANY_SOURCE,
    ANY_TRAINING,
    DEFAULTS,
    ModelOptions,
    Options,
    SourceOptions,
    TrainOptions,
    config_of,
)
from flows.cli.running import carry_out
from flows.recipes import one_class as recipe
from flows.recipes.outcome import OneClass

__all__ = ["one_class"]


def one_class(
    *,
    output: Annotated[Path | None, Parameter(help="JSON file for the scores.")] = None,
    source: SourceOptions = ANY_SOURCE,
    model: ModelOptions = ANY_MODEL,
    training: TrainOptions = ANY_TRAINING,
    options: Options = DEFAULTS,
) -> None:
    """Trains a model on the rows of each label, and scores all test rows with each model.

    The rows of all other labels count as out-of-distribution (OOD). For comparison, the table has
    two scores that need no model: the error of PCA, and the distance to the nearest inputs.
    """
    config = config_of(options, source, model, training)
    outcome = carry_out(recipe.one_class, options, config=config)
    if output is not None and isinstance(outcome, OneClass):
        numbers = {"classes": outcome.classes, "mean": outcome.means()}
        output.write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
