"""References to what stages have made: a key, a digest, and what one must know to use it."""

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from aeflow.errors import ConfigError
from aeflow.lineage import Input
from aeflow.schema import ExampleSchema

__all__ = [
    "Artifact",
    "Compatibility",
    "Dataset",
    "Drift",
    "Evaluation",
    "FeatureSet",
    "Model",
    "Publication",
    "Verdict",
    "references",
]


class Artifact(BaseModel):
    """Refers to a committed answer in a store; it crosses processes and time as plain JSON."""

    # JSON has no nan and no infinity; as strings they come back as what they were.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    folder: ClassVar[str]

    key: str
    digest: str

    @property
    def address(self) -> str:
        """The artifact's folder within its store."""
        return f"{self.folder}/{self.key}"

    @property
    def reference(self) -> Input:
        """The artifact as the input of a question."""
        return Input(address=self.address, digest=self.digest)

    def to_json(self) -> dict[str, JsonValue]:
        """Returns the artifact as plain JSON; `model_validate` of its type reads it back."""
        return json.loads(self.model_dump_json())  # `model_dump` leaves nan as it is


class Dataset(Artifact):
    """Refers to prepared data: Arrow shards `<split>-<number>.arrow` and their statistics."""

    folder: ClassVar[str] = "datasets"

    name: str
    example_schema: ExampleSchema
    rows: dict[str, int]
    quarantined: int = 0
    label_names: tuple[str, ...] = ()
    has_labels: bool = False

    @property
    def address(self) -> str:
        """The dataset's folder within its store; people look for datasets by name."""
        return f"{self.folder}/{self.name}-{self.key}"

    def check_ood(self, ood: "Dataset", *, split: str) -> None:
        """Raises ConfigError if `ood` cannot be made to fit, or `split` is the training split."""
        own, theirs = self.example_schema, ood.example_schema
        if own.is_image != theirs.is_image or (not own.is_image and own.shape != theirs.shape):
            raise ConfigError(
                f"The out-of-distribution rows of '{ood.name}' of shape {theirs.shape} cannot be "
                f"made to fit '{self.name}' of shape {own.shape}: only images are resized. Give "
                "another source."
            )
        if split == "train":
            raise ConfigError(
                f"The out-of-distribution rows of '{ood.name}' are compared with rows that the "
                "model has not seen, not with the split 'train'. Choose another split."
            )


class Model(Artifact):
    """Refers to a trained model; its digest is its identity."""

    folder: ClassVar[str] = "models"

    dataset_name: str
    example_schema: ExampleSchema
    network: str
    kind: str
    latent_dim: int
    epochs: int
    best_epoch: int
    validation_loss: float

    @property
    def identity(self) -> str:
        """The digest of the model's arrays, config and preprocessing."""
        return self.digest


class Evaluation(Artifact):
    """Refers to a judgement of one model on one split; `metrics` is flat."""

    folder: ClassVar[str] = "evaluations"

    split: str
    rows: int
    metrics: dict[str, float]


class Drift(Artifact):
    """Refers to a comparison of rows with those held out when one model was trained.

    `columns` are those that drifted; `error_psi` is the index of the reconstruction error, and
    `smallest_p` the smallest p-value of all columns, corrected for their number. `inputs_moved`
    counts the positions of the input whose mean is another than in training.
    """

    folder: ClassVar[str] = "drifts"

    drifted: bool
    rows: int
    columns: tuple[str, ...] = ()
    max_psi: float
    error_psi: float
    smallest_p: float
    inputs_moved: int = 0


class Compatibility(Artifact):
    """Refers to a comparison of two models by their latents of the same rows.

    `procrustes` is 0 where a rotation and a scale turn one into the other, and 1 where nothing
    does; `neighbour_overlap` and `r2` are 1 where all neighbours are shared, and where a linear
    map of the old latents gives the new ones. Of one model twice no rows are compared.
    """

    folder: ClassVar[str] = "compatibilities"

    identical: bool
    rows: int
    procrustes: float
    neighbour_overlap: float
    r2: float


class Verdict(Artifact):
    """Refers to the gate's judgement of one model, the challenger; keys name both models.

    `reasons` are those of the rules that failed, or else one line that says why it passed.
    """

    folder: ClassVar[str] = "verdicts"

    model: str
    champion: str | None = None
    dataset_name: str
    passed: bool
    reasons: tuple[str, ...]


class FeatureSet(Artifact):
    """Refers to latent features in Parquet, all made by the model with this identity."""

    folder: ClassVar[str] = "features"

    identity: str
    latent_dim: int
    layout: str
    format: str = "parquet"
    rows: dict[str, int]


class Publication(Artifact):
    """Refers to TensorBoard event files and a report."""

    folder: ClassVar[str] = "publications"

    report: str = "report.html"
    tensorboard: str = "tensorboard"


def references(**artifacts: Artifact | None) -> dict[str, Input]:
    """Returns the inputs of a question by name; an artifact that is None is not asked about."""
    return {name: artifact.reference for name, artifact in artifacts.items() if artifact}
