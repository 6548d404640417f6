"""What came out of a recipe: the artifacts it made or found, as they cross flows as JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Artifact, Dataset, Evaluation, FeatureSet, Model, Publication

__all__ = ["Outcome"]


class Outcome(BaseModel):
    """Holds one artifact of each stage that took part."""

    model_config = ConfigDict(frozen=True)

    dataset: Dataset | None = None
    model: Model | None = None
    evaluation: Evaluation | None = None
    features: FeatureSet | None = None
    publication: Publication | None = None

    def artifacts(self) -> dict[str, Artifact]:
        """Returns the artifacts by their part in the run, those that are there."""
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: artifact for name, artifact in parts.items() if artifact is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON; `Outcome.model_validate` reads it back."""
        return {name: artifact.to_json() for name, artifact in self.artifacts().items()}
