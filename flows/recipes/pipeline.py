"""The steps of the flows, run as Prefect tasks or as plain Python."""

from typing import Any

from aeflow.artifacts import Dataset, Model
from aeflow.configs import IngestConfig, PipelineConfig
from aeflow.schema import ExampleSchema
from aeflow.stages.comparison import judged_before
from aeflow.stages.comparison import measure_drift as drift
from aeflow.stages.encoding import encode
from aeflow.stages.evaluation import evaluate
from aeflow.stages.ingestion import ingest
from aeflow.stages.publishing import publish
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.recipes.outcome import Evaluated, Outcome, Watched
from flows.recipes.runner import Runner
from flows.recipes.stored import CHAMPION, made_from, stored

__all__ = [
    "encode_dataset",
    "evaluate_model",
    "ingest_dataset",
    "ingest_ood",
    "measure_drift",
    "ood_config",
    "pipeline",
    "publish_model",
    "train_autoencoder",
]


def pipeline(config: PipelineConfig, runner: Runner) -> Outcome:
    """Ingests a source, trains and evaluates a model, encodes the data and publishes a report."""
    dataset = runner.run(ingest, config.ingest)
    return _encode_and_publish(config, runner, runner.train_autoencoder(config, dataset.address))


def train_autoencoder(
    config: PipelineConfig, runner: Runner, dataset: str | None = None
) -> Evaluated:
    """Trains and evaluates a model on a stored dataset, or on a source that is ingested first."""
    if dataset is None:
        examples = runner.run(ingest, config.ingest)
    else:
        examples = stored(runner.store, dataset, Dataset)
    ood = ingest_ood(examples, config, runner)
    model = runner.run(train, examples, config.train, model_config=config.model)
    evaluation = runner.run(evaluate, model, config.evaluate, dataset=examples, ood=ood)
    return Evaluated(dataset=examples, model=model, evaluation=evaluation)


def encode_dataset(
    config: PipelineConfig, runner: Runner, *, model: str, dataset: str | None = None
) -> Outcome:
    """Encodes a stored dataset, or every row of a source, with a stored model."""
    encoder = stored(runner.store, model, Model)
    if dataset is None:
        everything = config.ingest.model_copy(update={"splits": "all"})
        examples = runner.run(ingest, everything)
    else:
        examples = stored(runner.store, dataset, Dataset)
    features = runner.run(encode, encoder, config.encode, dataset=examples)
    return Outcome(dataset=examples, model=encoder, features=features)


def ingest_dataset(config: PipelineConfig, runner: Runner) -> Outcome:
    """Ingests a source into a dataset."""
    return Outcome(dataset=runner.run(ingest, config.ingest))


def evaluate_model(config: PipelineConfig, runner: Runner, model: str) -> Evaluated:
    """Evaluates a stored model on the dataset that it was trained on."""
    trained = stored(runner.store, model, Model)
    dataset = made_from(runner.store, trained, Dataset)
    ood = ingest_ood(dataset, config, runner)
    evaluation = runner.run(evaluate, trained, config.evaluate, dataset=dataset, ood=ood)
    return Evaluated(dataset=dataset, model=trained, evaluation=evaluation)


def ingest_ood(dataset: Dataset, config: PipelineConfig, runner: Runner) -> Dataset | None:
    """Ingests out-of-distribution (OOD) rows for a dataset, if the config names a source of them.

    Raises ConfigError, before any training, if the OOD rows do not fit the dataset.
    """
    if config.evaluate.ood_source is None:
        return None
    source = config.evaluate.ood_source
    ood_ingest = ood_config(source, dataset.example_schema, data_dir=config.ingest.data_dir)
    ood = runner.run(ingest, ood_ingest)
    dataset.check_ood(ood, split=config.evaluate.split)
    return ood


def ood_config(source: str, schema: ExampleSchema, *, data_dir: str | None = None) -> IngestConfig:
    """Returns the config that ingests OOD rows into one split. Images get the size in `schema`."""
    options: dict[str, Any] = {}
    if schema.is_image and source.startswith("images:"):
        height, width, channels = schema.shape
        mode = "rgb" if channels == 3 else "grayscale"
        options = {"image_size": f"{height}x{width}", "color_mode": mode}
    return IngestConfig(source=source, splits="all", data_dir=data_dir, **options)


def measure_drift(config: PipelineConfig, runner: Runner, model: str | None = None) -> Watched:
    """Compares the rows of a source with the training rows of a stored model or the champion."""
    dataset = runner.run(ingest, config.ingest)
    trained = stored(runner.store, model or f"{CHAMPION}{dataset.name}", Model)
    earlier = judged_before(dataset, trained, Store(runner.store))
    measurement = runner.run(drift, trained, config.drift, dataset=dataset, earlier=earlier)
    return Watched(dataset=dataset, model=trained, drift=measurement)


def publish_model(config: PipelineConfig, runner: Runner, model: str) -> Outcome:
    """Evaluates a stored model, encodes its dataset, and publishes a report."""
    return _encode_and_publish(config, runner, evaluate_model(config, runner, model))


def _encode_and_publish(config: PipelineConfig, runner: Runner, evaluated: Evaluated) -> Outcome:
    dataset, model, evaluation = evaluated.dataset, evaluated.model, evaluated.evaluation
    features = runner.run(encode, model, config.encode, dataset=dataset)
    publication = runner.run(
        publish, evaluation, config.publish, dataset=dataset, model=model, features=features
    )
    return Outcome(
        dataset=dataset,
        model=model,
        evaluation=evaluation,
        features=features,
        publication=publication,
    )
