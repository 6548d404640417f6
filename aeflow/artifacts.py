"""References to stored answers of stages: each has a key, a digest and fields of its type."""

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

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
    """Refers to a committed answer in a store.

    Processes exchange and keep such a reference as plain JSON.
    """

    # JSON has no nan and no infinity. Written as strings, they are read back unchanged.
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
        """Returns the artifact as plain JSON, which `model_validate` of its class reads back."""
        return json.loads(self.model_dump_json())  # `model_dump` keeps nan as a float


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
        """The dataset's folder within its store.

        The folder's name begins with the dataset's name, so that people can find it.
        """
        return f"{self.folder}/{self.name}-{self.key}"

    def check_ood(self, ood: "Dataset", *, split: str) -> None:
        """Raises ConfigError if out-of-distribution rows cannot be compared with rows of a split.

        Both datasets must hold images, or both must hold vectors. Vectors must have the same shape
        in both; images are resized. The split must not be "train", because the model has seen the
        rows of that split.
        """
        own, theirs = self.example_schema, ood.example_schema
        if own.is_image != theirs.is_image or (not own.is_image and own.shape != theirs.shape):
            raise ConfigError(
                f"Out-of-distribution rows from '{ood.name}' of shape {theirs.shape} cannot be "
                f"made to fit '{self.name}' of shape {own.shape}: only images are resized. Choose "
                "another source."
            )
        if split == "train":
            raise ConfigError(
                f"The out-of-distribution rows of '{ood.name}' must be compared with rows that the "
                "model has not seen, but it has seen the split 'train'. Choose another split."
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
    """Refers to an evaluation of one model on one split; `metrics` is a flat dictionary."""

    folder: ClassVar[str] = "evaluations"

    split: str
    rows: int
    metrics: dict[str, float]


class Drift(Artifact):
    """Refers to a comparison of rows with the rows held out when a model was trained.

    `columns` are the columns that drifted. `error_psi` is the population stability index of the
    reconstruction error, and `max_psi` is the largest index of all columns. `smallest_p` is the
    smallest p-value of all columns, corrected for the number of columns. `inputs_moved` is the
    number of positions of an input at which the mean differs from the mean in training.

    `new_rows` is the number of rows that an earlier dataset did not have, and `new_drifted` says
    whether these rows alone drifted. Then `drifted` says whether they or all rows did. Both are
    None if no earlier dataset was given.
    """

    folder: ClassVar[str] = "drifts"

    drifted: bool
    rows: int
    columns: tuple[str, ...] = ()
    max_psi: float
    error_psi: float
    smallest_p: float
    inputs_moved: int = 0
    new_rows: int | None = Field(default=None, exclude_if=lambda rows: rows is None)
    new_drifted: bool | None = Field(default=None, exclude_if=lambda drifted: drifted is None)


class Compatibility(Artifact):
    """Refers to a comparison of two models by their latents of the same rows.

    `procrustes` is 0 if a rotation and a scale turn one set of latents into the other, and 1 if no
    rotation and scale bring the two sets any closer. `neighbour_overlap` is 1 if each row has the
    same nearest neighbours in both sets. `r2` is 1 if a linear map of the old latents gives the new
    ones. If both models are the same, no rows are compared.
    """

    folder: ClassVar[str] = "compatibilities"

    identical: bool
    rows: int
    procrustes: float
    neighbour_overlap: float
    r2: float


class Verdict(Artifact):
    """Refers to the gate's verdict on one model, the challenger.

    `model` is the challenger's key, and `champion` is the key of the model that it was compared
    with. `reasons` says why each failed rule failed. If the model passed, it holds one line that
    says why.
    """

    folder: ClassVar[str] = "verdicts"

    model: str
    champion: str | None = None
    dataset_name: str
    passed: bool
    reasons: tuple[str, ...]


class FeatureSet(Artifact):
    """Refers to latent features in Parquet files, all made by the model with that `identity`."""

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
    """Returns a mapping from argument names to references; artifacts that are None are left out."""
    return {name: artifact.reference for name, artifact in artifacts.items() if artifact}
