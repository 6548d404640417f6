"""The options of training, evaluation, drift, compatibility, encoding and publishing."""

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
    """Sets how a model is trained."""

    epochs: int = Field(default=10, ge=1, le=100_000)
    """Passes over the training split."""
    batch_size: int = Field(default=128, ge=1, le=1_048_576)
    """Examples in one step; the last step of an epoch takes the remaining ones."""
    shuffle_bytes: int = Field(default=2**30, ge=1, le=2**50)
    """Bytes of rows shuffled together in memory; a larger split is read in blocks of this size."""
    optimizer: Literal["adam", "adamw", "muon"] = "muon"
    """Keras optimizer; muon orthogonalises the updates of kernels."""
    learning_rate: float = Field(default=0.01, gt=0, le=10)
    """Peak learning rate."""
    schedule: Literal["cosine", "one_cycle", "constant"] = "cosine"
    """Learning rate over time: warm-up and cosine to 0, linear up and down, or constant."""
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises to its peak."""
    weight_decay: float = Field(default=0.004, ge=0, le=1)
    """Share by which a step at learning rate 1 would shrink the weights, with adamw and muon."""
    clip_norm: float | None = Field(default=None, gt=0, le=1_000_000)
    """Largest norm of all gradients together; larger gradients are scaled down to it."""
    ema_momentum: float | None = Field(default=None, gt=0, lt=1, examples=[0.99])
    """Share of a moving average of the weights that each step keeps; the average is the model."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number type of multiplications in training; the weights and the model are float32."""
    flip: bool = False
    """Whether each training step mirrors images left to right at random."""
    shift: int = Field(default=0, ge=0, le=1000)
    """Largest distance in pixels that each training step moves images at random."""
    patience: int = Field(default=0, ge=0, le=100_000)
    """Epochs without a better validation loss after which training stops; 0 never stops early."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the initial weights, the order of examples and the noise."""


class EvaluateConfig(Config):
    """Sets which rows a model is evaluated on."""

    split: str = Field(default="test", min_length=1)
    """The split that is reconstructed and scored."""
    num_worst: int = Field(default=10, ge=1, le=100)
    """Number of examples with the largest errors that are shown."""
    ood_source: str | None = Field(
        default=None, min_length=1, json_schema_extra=NOT_HASHED, examples=["digits"]
    )
    """Source of out-of-distribution rows that the model should detect; images are resized."""


class DriftConfig(Config):
    """Sets when rows count as drifted from those that a model was trained on."""

    split: str = Field(default="test", min_length=1)
    """The split that is compared with the model's held-out rows, by errors and latents."""
    significance: float = Field(default=0.01, gt=0, lt=1)
    """Probability of reporting drift in rows that have none, over all columns together."""
    min_psi: float = Field(default=0.1, ge=0, le=100)
    """Least amount by which the population stability index must exceed its value by chance."""
    then: Literal["retrain", "hold", "tell"] = Field(
        default="retrain", json_schema_extra=NOT_HASHED
    )
    """What follows from drift: training, a challenger that waits for a person, or only a report."""


class CompatibilityConfig(Config):
    """Sets which rows are used to compare the latents of two models."""

    split: str = Field(default="test", min_length=1)
    """The split that both models encode."""
    max_rows: int = Field(default=2000, ge=4, le=100_000)
    """Largest number of rows to compare; the first rows of the split are taken."""
    num_neighbours: int = Field(default=10, ge=1, le=1000)
    """Nearest neighbours of each row that are compared between the latents of the two models."""


class EncodeConfig(Config):
    """Sets what the features contain."""

    layout: Literal["list", "wide"] = "list"
    """One list column, latent, or one column per dimension: z_000, z_001 and so on."""
    reconstruction_error: bool = True
    """Whether each row has its reconstruction error and the percentile of that error."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number type of multiplications; bfloat16 is less exact, but faster if supported."""
    partition_by_label: bool = False
    """Whether each label has its own folder, such as label=3, below that of its split."""
    format: Literal["parquet", "delta"] = "parquet"
    """Parquet files alone, or Parquet files with the log that makes them a Delta table."""


class PublishConfig(Config):
    """Sets how much of a run is published."""

    projector_rows: int = Field(default=1000, ge=1, le=10_000)
    """Number of test examples in TensorBoard's embedding projector."""
