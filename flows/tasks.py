"""The stages as Prefect tasks, with tags, timeouts and a page for each result."""

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
from aeflow.datasets.dating import dated, is_dated
from aeflow.registry import champions, features_address
from aeflow.stages import (
    comparison,
    encoding,
    evaluation,
    gating,
    ingestion,
    publishing,
    training,
)
from aeflow.storage import Store
from flows import pages
from flows.server.announcing import announce_drift
from flows.server.retrying import HOUR, RETRIED, crashing_together
from flows.server.scheduling import scheduled_date
from flows.spreading import over_dask
from flows.stage_task import StageCall, task_of

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


@task_of(ingestion.ingest, tags=["ingest", "cpu"], hours=6)
def ingest(call: StageCall[Dataset]) -> Dataset:
    """Prepares a dataset. A {date} in the source stands for the date of the run's schedule."""
    config = call["config"]
    if is_dated(config):
        call = call.having(config=dated(config, scheduled_date()))
    return call.answer()


@task_of(training.train, tags=["train", "accelerated"], hours=48)
def train(call: StageCall[Model]) -> Model:
    """Trains a model. Before that, posts a link to TensorBoard, which shows the training live."""
    with crashing_together():
        pages.link_training(call.question.key, call.store, dataset_name=call["dataset"].name)
        return call.answer()


@task_of(evaluation.evaluate, tags=["evaluate", "accelerated"], hours=6)
def evaluate(call: StageCall[Evaluation]) -> Evaluation:
    """Evaluates a model on a split of a dataset, and shows the evaluation on a page."""
    answer = call.answer()
    pages.show_evaluation(answer, call.store, dataset=call["dataset"], model=call["model"])
    return answer


@task_of(encoding.encode, tags=["encode", "accelerated"], hours=24)
def encode(call: StageCall[FeatureSet]) -> FeatureSet:
    """Encodes a dataset into Parquet, and shows the feature set on a page."""
    scheduler = call.runtime.dask
    spread = over_dask(encode_shards, call.store, scheduler) if scheduler else None
    features = call.answer(spread=spread)
    pages.show_features(features, call.store, dataset_name=call["dataset"].name)
    return features


@task(
    name="encode-shards",
    task_run_name="encode {name}",
    tags=["encode"],
    timeout_seconds=6 * HOUR,
    **RETRIED,
)
def encode_shards(name: str, group: dict[str, Any], store: str) -> int:
    """Encodes a group of shards for the run that waits for this task. Returns the number of rows.

    The files are written to the draft of that run's feature set.
    """
    from aeflow.stages.encoding import spreading

    return spreading.encode_shards(spreading.ShardGroup.model_validate(group), Store(store))


@task_of(publishing.publish, tags=["publish", "cpu"], hours=2)
def publish(call: StageCall[Publication]) -> Publication:
    """Publishes an evaluation, and links to the report from the evaluation's page."""
    publication = call.answer()
    pages.show_evaluation(
        call["evaluation"],
        call.store,
        dataset=call["dataset"],
        model=call["model"],
        publication=publication,
    )
    return publication


@task_of(comparison.measure_drift, tags=["drift", "accelerated"], hours=6)
def drift(call: StageCall[Drift]) -> Drift:
    """Compares a dataset with a model's training rows, shows the result and announces drift."""
    answer = call.answer()
    pages.show_drift(answer, call.store, dataset=call["dataset"])
    starts_training = call["config"].then != "tell"
    announce_drift(
        answer, model=call["model"], dataset=call["dataset"], starts_training=starts_training
    )
    return answer


@task_of(comparison.measure_compatibility, tags=["compatibility", "accelerated"], hours=2)
def compatibility(call: StageCall[Compatibility]) -> Compatibility:
    """Compares the latents of two models."""
    return call.answer()


@task_of(gating.gate, tags=["gate", "accelerated"], hours=2)
def gate(call: StageCall[Verdict]) -> Verdict:
    """Judges whether a model may become champion, and shows the verdict on a page."""
    verdict = call.answer()
    pages.show_verdict(verdict, call.store)
    pages.show_evaluation(
        call["challenger"], call.store, dataset=call["dataset"], model=call["model"]
    )
    return verdict


@task(
    name="promote",
    task_run_name="promote {model.key}",
    tags=["promote", "cpu"],
    timeout_seconds=HOUR,
    **RETRIED,
)
def promote(verdict: Verdict, store: str, *, model: Model) -> None:
    """Makes a model the champion of its dataset. The history of champions names this flow run."""
    champions.promote(verdict, Store(store), model=model, run=str(flow_run.id))


@task(
    name="point-features",
    task_run_name="point {dataset_name} at {features.key}",
    tags=["encode", "cpu"],
    timeout_seconds=HOUR,
    **RETRIED,
)
def point_features(features: FeatureSet, store: str, *, dataset_name: str) -> None:
    """Makes the stable features address of a dataset point at a feature set."""
    run = str(flow_run.id)
    features_address.point_features(features, Store(store), dataset_name=dataset_name, run=run)
    pages.show_features(features, store, dataset_name=dataset_name)
