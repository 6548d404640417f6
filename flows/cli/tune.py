"""`aeflow tune`: better options than the defaults, as a config."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aeflow.tuning import check_optuna
from flows.cli.options import (
    ANY_MODEL,
    ANY_SOURCE,
    ANY_TRAINING,
    ANY_TUNING,
    DEFAULTS,
    ModelOptions,
    Options,
    SourceOptions,
    TrainOptions,
    TuneOptions,
    config_of,
)
from flows.cli.running import carry_out
from flows.recipes.outcome import Tuned
from flows.recipes.tuning import tune as recipe

__all__ = ["tune"]


def tune(
    *,
    output: Annotated[
        Path | None, Parameter(help="TOML file for the best config, which the store keeps, too.")
    ] = None,
    source: SourceOptions = ANY_SOURCE,
    model: ModelOptions = ANY_MODEL,
    training: TrainOptions = ANY_TRAINING,
    tuning: TuneOptions = ANY_TUNING,
    options: Options = DEFAULTS,
) -> None:
    """Trains with different options, trial by trial, and writes the best options as a config.

    The network, the kind and the latent size do not change. A stopped study continues where it
    stopped. If --trials is larger than before, the study keeps its trials and runs additional ones.
    """
    config = config_of(options, source, model, training, tuning)
    check_optuna()
    outcome = carry_out(recipe, options, config=config)
    if output is not None and isinstance(outcome, Tuned):
        output.write_text(outcome.best.toml, "utf-8")
