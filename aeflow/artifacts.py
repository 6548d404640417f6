"""References to answers, which are the stored results of stages.

Every reference has a key, a digest and the fields of its type.
"""

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
    """Refers to an answer: the committed result of a stage in a store.

    Processes exchange and keep such references as plain JSON.
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
        """The address and digest that name the artifact as an input of another stage."""
        return Input(address=self.address, digest=self.digest)

    def to_json(self) -> dict[str, JsonValue]:
        """Returns the fields as plain JSON, which `model_validate` of the same class reads back."""
        return json.loads(self.model_dump_json())  # `model_dump` keeps nan as a float


class Dataset(Artifact):
    """Refers to prepared data: Arrow shards `<split>-<number>.arrow`, and statistics by split."""

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

        The folder's name begins with the dataset's name, so that people can find the folder.
        """
        return f"{self.folder}/{self.name}-{self.key}"

    def check_ood(self, ood: "Dataset", *, split: str) -> None:
        """Raises ConfigError if the rows of `ood` cannot be compared with a split of this dataset.

        `ood` holds out-of-distribution rows. Both datasets must hold images, or both must hold
        vectors. Vectors must have the same shape in both; images are resized. The split must not be
        "train", because the model has seen the rows of that split.
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
    """Refers to a trained model. The digest of this artifact is the identity of the model."""

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
    """Refers to an evaluation of one model on one split; `metrics` maps names to values."""

    folder: ClassVar[str] = "evaluations"

    split: str
    rows: int
    metrics: dict[str, float]


class Drift(Artifact):
    """Refers to a comparison of new rows with the rows that were held out in a model's training.

    The columns are the reconstruction error and columns of latents; `columns` names those that
    drifted. `error_psi` is the population stability index of the error, and `max_psi` is the
    largest such index of all columns. `smallest_p` is the smallest p-value of all columns,
    corrected for the number of columns. `inputs_moved` is the number of positions of an input at
    which the mean differs significantly from the mean of the training rows, by at least 0.2
    standard deviations.

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
    """Refers to a comparison of the latents that two models compute for the same rows.

    `procrustes` is 0 if a rotation, reflection, scale and shift turn the old latents into the new
    latents, and 1 if no such map brings them closer. `neighbour_overlap` is 1 if each row has the
    same nearest neighbours in both sets of latents. `r2` is 1 if a linear map of the old latents
    gives the new latents. If both models are the same, no rows are compared.
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
    with. `reasons` has one line for each rule that failed. If the model passed, `reasons` has a
    single line, which lists the rules.
    """

    folder: ClassVar[str] = "verdicts"

    model: str
    champion: str | None = None
    dataset_name: str
    passed: bool
    reasons: tuple[str, ...]


class FeatureSet(Artifact):
    """Refers to Parquet files of latent features, which the model named by `identity` computed."""

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
    """Returns references by argument name, and leaves out the artifacts that are None."""
    return {name: artifact.reference for name, artifact in artifacts.items() if artifact}
