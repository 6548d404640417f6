"""`aeflow retrain`: a better model, if one is due and passes the gate."""

from aeflow.datasets.sources import dataset_name
from aeflow.registry.nights import names_with_nights
from aeflow.storage import Store
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
    unchecked_config_of,
)
from flows.cli.running import carry_out
from flows.recipes import retraining

__all__ = ["retrain"]


def retrain(
    *,
    source: SourceOptions = ANY_SOURCE,
    model: ModelOptions = ANY_MODEL,
    training: TrainOptions = ANY_TRAINING,
    evaluation: EvaluateOptions = ANY_EVALUATION,
    options: Options = DEFAULTS,
) -> None:
    """Trains a model if one is due, promotes it if it passes the gate, encodes and publishes.

    The sections retrain and gate of the config define when a model is due and what the gate checks.
    """
    groups = (source, model, training, evaluation)
    config = unchecked_config_of(options, *groups)
    if dataset_name(config.ingest) not in names_with_nights(Store(options.url)):
        config = config_of(options, *groups)
    # A missing source of a known dataset is a failed night, which the recipe records.
    carry_out(retraining.retrain, options, config=config)
