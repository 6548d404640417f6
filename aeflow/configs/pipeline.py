"""The config of the whole pipeline, with a section for each stage as in a TOML file."""

from aeflow.configs.config import Config
from aeflow.configs.gate import GateConfig
from aeflow.configs.ingest import IngestConfig
from aeflow.configs.model import ModelConfig
from aeflow.configs.retrain import RetrainConfig
from aeflow.configs.runtime import RuntimeConfig
from aeflow.configs.stages import (
    CompatibilityConfig,
    DriftConfig,
    EncodeConfig,
    EvaluateConfig,
    PublishConfig,
    TrainConfig,
)
from aeflow.configs.tune import TuneConfig

__all__ = ["PipelineConfig"]


class PipelineConfig(Config):
    """Configures ingest, train, evaluate, encode and publish, and how they run."""

    ingest: IngestConfig = IngestConfig()
    """Where the data come from."""
    model: ModelConfig = ModelConfig()
    """Which model is trained."""
    train: TrainConfig = TrainConfig()
    """How the model is trained."""
    tune: TuneConfig = TuneConfig()
    """How a study searches for better options."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Which rows the model is evaluated on."""
    drift: DriftConfig = DriftConfig()
    """When new rows count as drifted from those that the model was trained on."""
    compatibility: CompatibilityConfig = CompatibilityConfig()
    """Which rows are used to compare the model's latents with those of another model."""
    encode: EncodeConfig = EncodeConfig()
    """What the features contain."""
    publish: PublishConfig = PublishConfig()
    """How much of a run is published."""
    gate: GateConfig = GateConfig()
    """Which rules a model must pass before it may be promoted."""
    retrain: RetrainConfig = RetrainConfig()
    """When a retraining run trains a new model."""
    runtime: RuntimeConfig = RuntimeConfig()
    """Settings that change the speed and not the answer."""
