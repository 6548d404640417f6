"""The configs that callers pass in: frozen Pydantic models that refuse invalid values."""

from aeflow.configs.gate import GateConfig
from aeflow.configs.ingest import IngestConfig
from aeflow.configs.kinds import (
    ContractiveOptions,
    DenoisingOptions,
    PlainOptions,
    RaeOptions,
    SparseOptions,
    VariationalOptions,
    VqOptions,
    WaeOptions,
)
from aeflow.configs.model import ModelConfig
from aeflow.configs.networks import ConvolutionalOptions, DeepOptions, DenseOptions
from aeflow.configs.pipeline import PipelineConfig
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

__all__ = [
    "CompatibilityConfig",
    "ContractiveOptions",
    "ConvolutionalOptions",
    "DeepOptions",
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
    "RaeOptions",
    "RetrainConfig",
    "RuntimeConfig",
    "SparseOptions",
    "TrainConfig",
    "TuneConfig",
    "VariationalOptions",
    "VqOptions",
    "WaeOptions",
]
