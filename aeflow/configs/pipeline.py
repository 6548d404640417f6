"""One config for the whole pipeline: a section for each stage, as in a TOML file."""

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
    """How it is trained."""
    tune: TuneConfig = TuneConfig()
    """How better options are searched for."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """On what it is judged."""
    drift: DriftConfig = DriftConfig()
    """When new rows are no longer like those it was trained on."""
    compatibility: CompatibilityConfig = CompatibilityConfig()
    """On what its latents are compared with another model's."""
    encode: EncodeConfig = EncodeConfig()
    """What stands in the features."""
    publish: PublishConfig = PublishConfig()
    """How much is published."""
    gate: GateConfig = GateConfig()
    """What a model must do before it may be promoted."""
    retrain: RetrainConfig = RetrainConfig()
    """When a retraining run trains."""
    runtime: RuntimeConfig = RuntimeConfig()
    """What changes the speed and not the answer."""
