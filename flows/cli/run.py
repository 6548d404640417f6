"""`aeflow run`: the whole pipeline."""

from dataclasses import replace

from flows.cli.options import (
    ANY_EVALUATION,
    ANY_MODEL,
    ANY_SOURCE,
    ANY_TRAINING,
    DEFAULTS,
    EvaluateOptions,
    ModelOptions,
    Options,
    SourceOptions,
    TrainOptions,
    config_of,
)
from flows.cli.running import carry_out
from flows.recipes import pipeline as recipe

__all__ = ["run"]


def run(
    *,
    source: SourceOptions = ANY_SOURCE,
    model: ModelOptions = ANY_MODEL,
    training: TrainOptions = ANY_TRAINING,
    evaluation: EvaluateOptions = ANY_EVALUATION,
    options: Options = DEFAULTS,
) -> None:
    """Ingests a source, trains and evaluates a model, encodes the data and publishes a report.

    If none of --source, --config and --preset is given, the preset quick is used.
    """
    if not (source.source or options.config or options.preset):
        options = replace(options, preset="quick")
    config = config_of(options, source, model, training, evaluation)
    carry_out(recipe.pipeline, options, config=config)
