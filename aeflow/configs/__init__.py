"""What callers hand in: frozen models that refuse nonsense where it enters."""

from aeflow.configs.gate import GateConfig
from aeflow.configs.model import (
    ConvolutionalOptions,
    DenoisingOptions,
    DenseOptions,
    ModelConfig,
    PlainOptions,
)
from aeflow.configs.pipeline import PipelineConfig
from aeflow.configs.retrain import RetrainConfig
from aeflow.configs.runtime import RuntimeConfig
from aeflow.configs.stages import (
    CompatibilityConfig,
    DriftConfig,
    EncodeConfig,
    EvaluateConfig,
    IngestConfig,
    PublishConfig,
    TrainConfig,
)

__all__ = [
    "CompatibilityConfig",
    "ConvolutionalOptions",
    "DenoisingOptions",
    "DenseOptions",
    "DriftConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "GateConfig",
    "IngestConfig",
    "ModelConfig",
    "PipelineConfig",
    "PlainOptions",
    "PublishConfig",
    "RetrainConfig",
    "RuntimeConfig",
    "TrainConfig",
]
