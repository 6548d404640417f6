"""What the flows do, in order: with tasks it is a Prefect flow, with plain stages plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aeflow.artifacts import (
    Compatibility,
    Dataset,
    Drift,
    Evaluation,
    FeatureSet,
    Model,
    Publication,
    Verdict,
)
from aeflow.configs import IngestConfig, PipelineConfig
from aeflow.schema import ExampleSchema
from flows.outcome import Outcome, Watched
from flows.stored import CHAMPION, absolute, made_from, stored

__all__ = [
    "Stages",
    "encode_dataset",
    "evaluate_model",
    "ingest_dataset",
    "measure_drift",
    "pipeline",
    "publish_model",
    "strange_config",
    "strangers_to",
    "train_autoencoder",
]


@dataclass(frozen=True)
class Stages:
    """The stages that a recipe calls, as tasks or as they are; and the recipe within a recipe."""

    ingest: Callable[..., Dataset]
    train: Callable[..., Model]
    evaluate: Callable[..., Evaluation]
    encode: Callable[..., FeatureSet]
    publish: Callable[..., Publication]
    drift: Callable[..., Drift]
    compatibility: Callable[..., Compatibility]
    gate: Callable[..., Verdict]
    promote: Callable[..., None]
    point_features: Callable[..., None]
    train_autoencoder: Callable[..., Outcome]


def pipeline(config: PipelineConfig, store: str, *, stages: Stages) -> Outcome:
    """Ingests, trains and evaluates, encodes and publishes."""
    store, runtime = absolute(store), config.runtime
    dataset = stages.ingest(config.ingest, store, runtime=runtime)
    trained = stages.train_autoencoder(config, store, dataset=dataset.address)
    return _published(config, store, trained, stages=stages)


def train_autoencoder(
    config: PipelineConfig, store: str, dataset: str | None = None, *, stages: Stages
) -> Outcome:
    """Trains and evaluates, on the stored dataset with that key or one that it ingests first."""
    store, runtime = absolute(store), config.runtime
    if dataset is None:
        examples = stages.ingest(config.ingest, store, runtime=runtime)
    else:
        examples = stored(store, dataset, Dataset)
    strangers = strangers_to(examples, config, store, stages=stages)
    model = stages.train(examples, config.train, store, model_config=config.model, runtime=runtime)
    evaluation = stages.evaluate(
        model, config.evaluate, store, dataset=examples, strangers=strangers, runtime=runtime
    )
    return Outcome(dataset=examples, model=model, evaluation=evaluation)


def encode_dataset(
    config: PipelineConfig, store: str, *, model: str, dataset: str | None = None, stages: Stages
) -> Outcome:
    """Encodes with a stored model: a stored dataset, or every row of a source."""
    store, runtime = absolute(store), config.runtime
    encoder = stored(store, model, Model)
    if dataset is None:
        everything = config.ingest.model_copy(update={"splits": "all"})
        examples = stages.ingest(everything, store, runtime=runtime)
    else:
        examples = stored(store, dataset, Dataset)
    features = stages.encode(encoder, config.encode, store, dataset=examples, runtime=runtime)
    return Outcome(dataset=examples, model=encoder, features=features)


def ingest_dataset(config: PipelineConfig, store: str, *, stages: Stages) -> Outcome:
    """Ingests, and no more."""
    dataset = stages.ingest(config.ingest, absolute(store), runtime=config.runtime)
    return Outcome(dataset=dataset)


def evaluate_model(config: PipelineConfig, store: str, model: str, *, stages: Stages) -> Outcome:
    """Evaluates a stored model on the dataset that it was trained on."""
    store, runtime = absolute(store), config.runtime
    judged = stored(store, model, Model)
    dataset = made_from(store, judged, Dataset)
    strangers = strangers_to(dataset, config, store, stages=stages)
    evaluation = stages.evaluate(
        judged, config.evaluate, store, dataset=dataset, strangers=strangers, runtime=runtime
    )
    return Outcome(dataset=dataset, model=judged, evaluation=evaluation)


def strangers_to(
    dataset: Dataset, config: PipelineConfig, store: str, *, stages: Stages
) -> Dataset | None:
    """Ingests rows that a model of the dataset should find strange, if the config names any.

    Raises ConfigError where they cannot be made to fit, before anything is trained.
    """
    if config.evaluate.ood_source is None:
        return None
    strange = strange_config(
        config.evaluate.ood_source, dataset.example_schema, data_dir=config.ingest.data_dir
    )
    strangers = stages.ingest(strange, store, runtime=config.runtime)
    dataset.check_strangers(strangers, split=config.evaluate.split)
    return strangers


def strange_config(
    source: str, schema: ExampleSchema, *, data_dir: str | None = None
) -> IngestConfig:
    """Returns how strangers are ingested: in one split, images in files at the model's size."""
    options: dict[str, Any] = {}
    if schema.is_image and source.startswith("images:"):
        height, width, channels = schema.shape
        mode = "rgb" if channels == 3 else "grayscale"
        options = {"image_size": f"{height}x{width}", "color_mode": mode}
    return IngestConfig(source=source, splits="all", data_dir=data_dir, **options)


def measure_drift(
    config: PipelineConfig, store: str, model: str | None = None, *, stages: Stages
) -> Watched:
    """Compares what a source has now with what a stored model, or the champion, was trained on."""
    store, runtime = absolute(store), config.runtime
    dataset = stages.ingest(config.ingest, store, runtime=runtime)
    judged = stored(store, model or f"{CHAMPION}{dataset.name}", Model)
    drift = stages.drift(judged, config.drift, store, dataset=dataset, runtime=runtime)
    return Watched(dataset=dataset, model=judged, drift=drift)


def publish_model(config: PipelineConfig, store: str, model: str, *, stages: Stages) -> Outcome:
    """Evaluates a stored model, encodes its dataset and publishes both."""
    evaluated = evaluate_model(config, store, model, stages=stages)
    return _published(config, absolute(store), evaluated, stages=stages)


def _published(
    config: PipelineConfig, store: str, evaluated: Outcome, *, stages: Stages
) -> Outcome:
    dataset, model, runtime = evaluated.dataset, evaluated.model, config.runtime
    features = stages.encode(model, config.encode, store, dataset=dataset, runtime=runtime)
    publication = stages.publish(
        evaluated.evaluation,
        config.publish,
        store,
        dataset=dataset,
        model=model,
        features=features,
        runtime=runtime,
    )
    return evaluated.model_copy(update={"features": features, "publication": publication})
