"""What each stage is told."""

from typing import Literal

from pydantic import Field

from aeflow.configs.config import NOT_HASHED, Config

__all__ = [
    "CompatibilityConfig",
    "DriftConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "PublishConfig",
    "TrainConfig",
]


class TrainConfig(Config):
    """Says how a model is trained."""

    epochs: int = Field(default=10, ge=1, le=100_000)
    """Passes over the training split."""
    batch_size: int = Field(default=128, ge=1, le=1_048_576)
    """Examples in one step; the last step of an epoch takes what is left."""
    shuffle_bytes: int = Field(default=2**30, ge=1, le=2**50)
    """Bytes of rows in memory, shuffled together; a larger split is read in blocks of these."""
    optimizer: Literal["adam", "adamw", "muon"] = "muon"
    """Keras optimizer; muon orthogonalises the updates of kernels."""
    learning_rate: float = Field(default=0.01, gt=0, le=10)
    """Learning rate at its peak."""
    schedule: Literal["cosine", "one_cycle", "constant"] = "cosine"
    """Learning rate over time: up and along a cosine to 0, straight up and down, or constant."""
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which a schedule rises to its peak."""
    weight_decay: float = Field(default=0.004, ge=0, le=1)
    """How much a learning rate of 1 would shrink the weights in a step, with adamw and muon."""
    clip_norm: float | None = Field(default=None, gt=0, le=1_000_000)
    """Largest norm of all gradients together; longer ones are shortened to it."""
    ema_momentum: float | None = Field(default=None, gt=0, lt=1, examples=[0.99])
    """Share that a moving average of the weights keeps each step; the average is the model."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What layers multiply in while training; the weights and the model are float32."""
    flip: bool = False
    """Whether images are mirrored left to right at random, anew at each step."""
    shift: int = Field(default=0, ge=0, le=1000)
    """Pixels by which images are moved at random, at most, anew at each step."""
    patience: int = Field(default=0, ge=0, le=100_000)
    """Epochs without a better validation loss after which training stops; 0 never stops early."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the initial weights, the order of examples and the noise."""


class EvaluateConfig(Config):
    """Says on what a model is judged."""

    split: str = Field(default="test", min_length=1)
    """The split that is reconstructed and scored."""
    num_worst: int = Field(default=10, ge=1, le=100)
    """Examples with the largest error that are shown."""
    ood_source: str | None = Field(
        default=None, min_length=1, json_schema_extra=NOT_HASHED, examples=["digits"]
    )
    """Source of rows that the model should find strange; images are resized."""


class DriftConfig(Config):
    """Says when rows are no longer like those that a model was trained on."""

    split: str = Field(default="test", min_length=1)
    """The split whose errors and latents are compared with the model's held-out rows."""
    significance: float = Field(default=0.01, gt=0, lt=1)
    """Chance of seeing drift in rows that have none, over all columns together."""
    min_psi: float = Field(default=0.1, ge=0, le=100)
    """Population stability index, beyond what sampling alone gives, from which drift matters."""


class CompatibilityConfig(Config):
    """Says on what the latents of two models are compared."""

    split: str = Field(default="test", min_length=1)
    """The split that both models encode."""
    max_rows: int = Field(default=2000, ge=4, le=100_000)
    """Rows that are compared, the first ones, at most."""
    num_neighbours: int = Field(default=10, ge=1, le=1000)
    """Nearest neighbours of each row that are compared between the two latents."""


class EncodeConfig(Config):
    """Says what stands in the features."""

    layout: Literal["list", "wide"] = "list"
    """One list column, latent, or one column a number, z_000 and so on."""
    reconstruction_error: bool = True
    """Whether each row carries its reconstruction error and that error's percentile."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What layers multiply in; bfloat16 is faster where the processor has it, and less exact."""
    partition_by_label: bool = False
    """Whether each label has a folder of its own, label=3, below that of its split."""
    format: Literal["parquet", "delta"] = "parquet"
    """Parquet files alone, or with the log that makes them a Delta table."""


class PublishConfig(Config):
    """Says how much of a run is published."""

    projector_rows: int = Field(default=1000, ge=1, le=10_000)
    """Test examples in TensorBoard's embedding projector."""
