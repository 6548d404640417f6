"""`aeflow train`: a trained and evaluated model."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.errors import ConfigError
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

__all__ = ["train"]


def train(
    *,
    dataset: Annotated[str | None, Parameter(help="Key of a stored dataset.")] = None,
    source: SourceOptions = ANY_SOURCE,
    model: ModelOptions = ANY_MODEL,
    training: TrainOptions = ANY_TRAINING,
    evaluation: EvaluateOptions = ANY_EVALUATION,
    options: Options = DEFAULTS,
) -> None:
    """Trains a model on a stored dataset, or on a source that is ingested first."""
    if dataset and source != ANY_SOURCE:
        raise ConfigError(
            f"The dataset '{dataset}' is ingested already. Give --dataset or a source, not both."
        )
    config = config_of(options, source, model, training, evaluation)
    carry_out(recipe.train_autoencoder, options, config=config, dataset=dataset)
