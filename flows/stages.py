"""The stages as plain functions of a store's URL; each imports what it needs when it is called."""

from typing import TYPE_CHECKING, Any

from aeflow import champions
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
    PipelineConfig,
    PublishConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.errors import ConfigError
from aeflow.storage import Store
from flows import recipes
from flows.listening import heard
from flows.outcome import Outcome

if TYPE_CHECKING:
    from aeflow.encoding.spreading import Spread

__all__ = [
    "STAGES",
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
    model: Model,
    config: EvaluateConfig,
    store: str,
    *,
    dataset: Dataset,
    strangers: Dataset | None = None,
    runtime: RuntimeConfig,
) -> Evaluation:
    """Judges a model on a split of a dataset."""
    from aeflow import evaluation

    with heard() as on_progress:
        return evaluation.evaluate(
            model,
            config,
            Store(store),
            dataset=dataset,
            strangers=strangers,
            runtime=runtime,
            on_progress=on_progress,
        )


def encode(
    model: Model,
    config: EncodeConfig,
    store: str,
    *,
    dataset: Dataset,
    runtime: RuntimeConfig,
    spread: "Spread | None" = None,
) -> FeatureSet:
    """Encodes a dataset into Parquet, here or where `spread` has it done."""
    from aeflow import encoding

    if runtime.dask and not spread:
        raise ConfigError("Encoding over Dask is a matter of Prefect's tasks: leave out --direct.")
    with heard() as on_progress:
        return encoding.encode(
            model,
            config,
            Store(store),
            dataset=dataset,
            runtime=runtime,
            spread=spread,
            on_progress=on_progress,
        )


def encode_shards(group: dict[str, Any], store: str) -> int:
    """Encodes a `ShardGroup` into a draft that another process holds; returns the rows."""
    from aeflow import encoding

    return encoding.encode_shards(encoding.ShardGroup.model_validate(group), Store(store))


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


def drift(
    model: Model, config: DriftConfig, store: str, *, dataset: Dataset, runtime: RuntimeConfig
) -> Drift:
    """Compares a dataset's rows with those held out when a model was trained."""
    from aeflow import comparison

    with heard() as on_progress:
        return comparison.measure_drift(
            model, config, Store(store), dataset=dataset, runtime=runtime, on_progress=on_progress
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
    from aeflow import comparison

    with heard() as on_progress:
        return comparison.measure_compatibility(
            new,
            config,
            Store(store),
            old=old,
            dataset=dataset,
            runtime=runtime,
            on_progress=on_progress,
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
    """Judges whether a model may become champion."""
    from aeflow import gating

    with heard() as on_progress:
        return gating.gate(
            challenger,
            config,
            Store(store),
            model=model,
            dataset=dataset,
            champion=champion,
            champion_model=champion_model,
            runtime=runtime,
            on_progress=on_progress,
        )


def promote(verdict: Verdict, store: str, *, model: Model, run: str = "") -> None:
    """Makes a model the champion of its dataset."""
    champions.promote(verdict, Store(store), model=model, run=run)


def point_features(features: FeatureSet, store: str, *, dataset_name: str, run: str = "") -> None:
    """Points a dataset's stable address of features at a feature set."""
    champions.point_features(features, Store(store), dataset_name=dataset_name, run=run)


def _train_autoencoder(config: PipelineConfig, store: str, dataset: str | None = None) -> Outcome:
    return recipes.train_autoencoder(config, store, dataset, stages=STAGES)


STAGES = recipes.Stages(
    ingest=ingest,
    train=train,
    evaluate=evaluate,
    encode=encode,
    publish=publish,
    drift=drift,
    compatibility=compatibility,
    gate=gate,
    promote=promote,
    point_features=point_features,
    train_autoencoder=_train_autoencoder,
)
"""The stages in this process, without Prefect."""
