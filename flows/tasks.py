"""The stages as Prefect tasks: names, tags, timeouts, retries, and a page for what came out."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model, Publication
from aeflow.configs import (
    EncodeConfig,
    EvaluateConfig,
    IngestConfig,
    ModelConfig,
    PublishConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.errors import TransientError
from flows import pages, stages
from flows.live import shown

__all__ = ["encode", "evaluate", "ingest", "publish", "train"]

HOUR = 3600


def _can_be_mended(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Says whether trying again can mend what went wrong."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError | ConnectionError)


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _can_be_mended,
    # Artifacts are references; whether an answer is there already, only the store knows.
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@task(
    name="ingest",
    task_run_name="ingest {config.source}",
    tags=["ingest", "cpu"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def ingest(config: IngestConfig, store: str, *, runtime: RuntimeConfig) -> Dataset:
    """Prepares a dataset."""
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
    with shown("train"):
        return stages.train(dataset, config, store, model_config=model_config, runtime=runtime)


@task(
    name="evaluate",
    task_run_name="evaluate {dataset.name} {model.network}/{model.kind}",
    tags=["evaluate", "accelerated"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def evaluate(
    model: Model, config: EvaluateConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> Evaluation:
    """Judges a model on a split of a dataset, and shows the judgement on a page."""
    with shown("evaluate"):
        evaluation = stages.evaluate(model, config, store, dataset=dataset, runtime=runtime)
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
    """Encodes a dataset into Parquet, and links to it."""
    with shown("encode"):
        features = stages.encode(model, config, store, dataset=dataset, runtime=runtime)
        pages.link_features(features, store, dataset=dataset)
    return features


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
    """Publishes an evaluation, and links to the report."""
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
        pages.link_report(publication, store, dataset=dataset)
    return publication
