"""The stages as plain functions of a store's URL; each imports what it needs when it is called."""

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model, Publication
from aeflow.configs import (
    EncodeConfig,
    EvaluateConfig,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    PublishConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.storage import Store
from flows import recipes
from flows.listening import heard
from flows.outcome import Outcome

__all__ = ["STAGES", "encode", "evaluate", "ingest", "publish", "train"]


def ingest(config: IngestConfig, store: str, *, runtime: RuntimeConfig) -> Dataset:
    """Prepares a dataset."""
    from aeflow import ingestion

    with heard() as on_progress:
        return ingestion.ingest(config, Store(store), runtime=runtime, on_progress=on_progress)


def train(
    dataset: Dataset,
    config: TrainConfig,
    store: str,
    *,
    model_config: ModelConfig,
    runtime: RuntimeConfig,
) -> Model:
    """Trains a model on a dataset."""
    from aeflow import training

    with heard() as on_progress:
        return training.train(
            dataset,
            config,
            Store(store),
            model_config=model_config,
            runtime=runtime,
            on_progress=on_progress,
        )


def evaluate(
    model: Model, config: EvaluateConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> Evaluation:
    """Judges a model on a split of a dataset."""
    from aeflow import evaluation

    with heard() as on_progress:
        return evaluation.evaluate(
            model, config, Store(store), dataset=dataset, runtime=runtime, on_progress=on_progress
        )


def encode(
    model: Model, config: EncodeConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> FeatureSet:
    """Encodes a dataset into Parquet."""
    from aeflow import encoding

    with heard() as on_progress:
        return encoding.encode(
            model, config, Store(store), dataset=dataset, runtime=runtime, on_progress=on_progress
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
    """Publishes an evaluation: a report, and files for TensorBoard."""
    from aeflow import publishing

    with heard() as on_progress:
        return publishing.publish(
            evaluation,
            config,
            Store(store),
            dataset=dataset,
            model=model,
            features=features,
            runtime=runtime,
            on_progress=on_progress,
        )


def _train_autoencoder(config: PipelineConfig, store: str, dataset: str | None = None) -> Outcome:
    return recipes.train_autoencoder(config, store, dataset, stages=STAGES)


STAGES = recipes.Stages(
    ingest=ingest,
    train=train,
    evaluate=evaluate,
    encode=encode,
    publish=publish,
    train_autoencoder=_train_autoencoder,
)
"""The stages in this process, without Prefect."""
