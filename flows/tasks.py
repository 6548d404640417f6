"""The stages as Prefect tasks: names, tags, timeouts, retries, and a page for what came out."""

from typing import Any

from prefect import task
from prefect.runtime import flow_run

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
from aeflow.configs import (
    CompatibilityConfig,
    DriftConfig,
    EncodeConfig,
    EvaluateConfig,
    GateConfig,
    IngestConfig,
    ModelConfig,
    PublishConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.datasets.dating import dated
from flows import pages, stages
from flows.announcing import announce_drift
from flows.live import shown
from flows.retrying import HOUR, RETRIED, crashing_together
from flows.spreading import over_dask

__all__ = [
    "compatibility",
    "drift",
    "encode",
    "encode_shards",
    "evaluate",
    "gate",
    "ingest",
    "point_features",
    "promote",
    "publish",
    "train",
]


@task(
    name="ingest",
    task_run_name="ingest {config.source}",
    tags=["ingest", "cpu"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def ingest(config: IngestConfig, store: str, *, runtime: RuntimeConfig) -> Dataset:
    """Prepares a dataset; a date in its source is that for which the run was scheduled, in UTC."""
    config = dated(config, flow_run.scheduled_start_time.date())
    with shown("ingest"):
        return stages.ingest(config, store, runtime=runtime)


@task(
    name="train",
    task_run_name="train {dataset.name} {model_config.network.name}/{model_config.kind.name}",
    tags=["train", "accelerated"],
    timeout_seconds=48 * HOUR,
    **RETRIED,
)
def train(
    dataset: Dataset,
    config: TrainConfig,
    store: str,
    *,
    model_config: ModelConfig,
    runtime: RuntimeConfig,
) -> Model:
    """Trains a model on a dataset."""
    with shown("train"), crashing_together():
        pages.link_training(dataset, config, store, model_config=model_config)
        return stages.train(dataset, config, store, model_config=model_config, runtime=runtime)


@task(
    name="evaluate",
    task_run_name="evaluate {dataset.name} {model.network}/{model.kind}",
    tags=["evaluate", "accelerated"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def evaluate(
    model: Model,
    config: EvaluateConfig,
    store: str,
    *,
    dataset: Dataset,
    strangers: Dataset | None = None,
    runtime: RuntimeConfig,
) -> Evaluation:
    """Judges a model on a split of a dataset, and shows the judgement on a page."""
    with shown("evaluate"):
        evaluation = stages.evaluate(
            model, config, store, dataset=dataset, strangers=strangers, runtime=runtime
        )
        pages.show_evaluation(evaluation, store, dataset=dataset, model=model)
    return evaluation


@task(
    name="encode",
    task_run_name="encode {dataset.name} {model.network}/{model.kind}",
    tags=["encode", "accelerated"],
    timeout_seconds=24 * HOUR,
    **RETRIED,
)
def encode(
    model: Model, config: EncodeConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> FeatureSet:
    """Encodes a dataset into Parquet, and shows what came out on a page."""
    spread = over_dask(encode_shards, store, runtime.dask) if runtime.dask else None
    with shown("encode"):
        features = stages.encode(
            model, config, store, dataset=dataset, runtime=runtime, spread=spread
        )
        pages.show_features(features, store, dataset_name=dataset.name)
    return features


@task(
    name="encode-shards",
    task_run_name="encode {name}",
    tags=["encode"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def encode_shards(name: str, group: dict[str, Any], store: str) -> int:
    """Encodes a group of shards into the draft of a run that waits for it; returns the rows."""
    return stages.encode_shards(group, store)


@task(
    name="publish",
    task_run_name="publish {dataset.name} {model.network}/{model.kind}",
    tags=["publish", "cpu"],
    timeout_seconds=2 * HOUR,
    **RETRIED,
)
def publish(
    evaluation: Evaluation,
    config: PublishConfig,
    store: str,
    *,
    dataset: Dataset,
    model: Model,
    features: FeatureSet | None,
    runtime: RuntimeConfig,
) -> Publication:
    """Publishes an evaluation, and links to the report from the evaluation's page."""
    with shown("publish"):
        publication = stages.publish(
            evaluation,
            config,
            store,
            dataset=dataset,
            model=model,
            features=features,
            runtime=runtime,
        )
        pages.show_evaluation(
            evaluation, store, dataset=dataset, model=model, publication=publication
        )
    return publication


@task(
    name="drift",
    task_run_name="drift of {dataset.name}",
    tags=["drift", "accelerated"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def drift(
    model: Model, config: DriftConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> Drift:
    """Compares a dataset's rows with those a model was trained on, shows it and announces drift."""
    with shown("drift"):
        found = stages.drift(model, config, store, dataset=dataset, runtime=runtime)
    pages.show_drift(found, store, dataset=dataset)
    announce_drift(found, model=model, dataset=dataset)
    return found


@task(
    name="compatibility",
    task_run_name="compatibility of {new.key} with {old.key}",
    tags=["compatibility", "accelerated"],
    timeout_seconds=2 * HOUR,
    **RETRIED,
)
def compatibility(
    new: Model,
    config: CompatibilityConfig,
    store: str,
    *,
    old: Model,
    dataset: Dataset,
    runtime: RuntimeConfig,
) -> Compatibility:
    """Compares the latents of two models."""
    with shown("compatibility"):
        return stages.compatibility(new, config, store, old=old, dataset=dataset, runtime=runtime)


@task(
    name="gate",
    task_run_name="gate {dataset.name} {model.key}",
    tags=["gate", "accelerated"],
    timeout_seconds=2 * HOUR,
    **RETRIED,
)
def gate(
    challenger: Evaluation,
    config: GateConfig,
    store: str,
    *,
    model: Model,
    dataset: Dataset,
    champion: Evaluation | None,
    champion_model: Model | None,
    runtime: RuntimeConfig,
) -> Verdict:
    """Judges whether a model may become champion, and shows the verdict on a page."""
    with shown("gate"):
        verdict = stages.gate(
            challenger,
            config,
            store,
            model=model,
            dataset=dataset,
            champion=champion,
            champion_model=champion_model,
            runtime=runtime,
        )
    pages.show_verdict(verdict, store)
    pages.show_evaluation(challenger, store, dataset=dataset, model=model)
    return verdict


@task(
    name="promote",
    task_run_name="promote {model.key}",
    tags=["promote", "cpu"],
    timeout_seconds=HOUR,
    **RETRIED,
)
def promote(verdict: Verdict, store: str, *, model: Model) -> None:
    """Makes a model the champion of its dataset; the history names this flow run."""
    stages.promote(verdict, store, model=model, run=str(flow_run.id))


@task(
    name="point-features",
    task_run_name="point {dataset_name} at {features.key}",
    tags=["encode", "cpu"],
    timeout_seconds=HOUR,
    **RETRIED,
)
def point_features(features: FeatureSet, store: str, *, dataset_name: str) -> None:
    """Points a dataset's stable address of features at a feature set."""
    stages.point_features(features, store, dataset_name=dataset_name, run=str(flow_run.id))
    pages.show_features(features, store, dataset_name=dataset_name)
