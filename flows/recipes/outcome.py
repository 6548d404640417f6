"""What came out of a recipe: the artifacts it made or found, as they cross flows as JSON."""

from statistics import fmean
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import (
    Artifact,
    Compatibility,
    Dataset,
    Drift,
    Evaluation,
    FeatureSet,
    Model,
    Publication,
    Verdict,
)
from aeflow.tuning import Best

__all__ = ["Evaluated", "OneClass", "Outcome", "Retraining", "Tuned", "Watched"]


class Outcome(BaseModel):
    """Holds one artifact of each stage that took part."""

    model_config = ConfigDict(frozen=True)

    dataset: Dataset | None = None
    model: Model | None = None
    evaluation: Evaluation | None = None
    features: FeatureSet | None = None
    publication: Publication | None = None

    @classmethod
    def parts(cls) -> list[str]:
        """Lists the parts of a run that may have an artifact."""
        return [
            name for name in cls.model_fields if name not in ("ending", "reason", "best", "classes")
        ]

    def artifacts(self) -> dict[str, Artifact]:
        """Returns the artifacts by their part in the run, those that are there."""
        found = {name: getattr(self, name) for name in self.parts()}
        return {name: artifact for name, artifact in found.items() if artifact is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON; `model_validate` of its type reads it back."""
        return {name: artifact.to_json() for name, artifact in self.artifacts().items()}


class Evaluated(Outcome):
    """Holds a model that was evaluated on the dataset that it was trained on."""

    dataset: Dataset  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    model: Model  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    evaluation: Evaluation  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class Watched(Outcome):
    """Holds how a dataset's rows compare with those that a model was trained on."""

    drift: Drift | None = None


class Retraining(Watched):
    """Holds what a retraining run found, and how it ended; `model` is the champion after it."""

    challenger: Model | None = None
    verdict: Verdict | None = None
    compatibility: Compatibility | None = None
    ending: Literal["Completed", "Unchanged", "Refused"]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, how it ended included."""
        return {**super().to_json(), "ending": self.ending, "reason": self.reason}


class Tuned(Outcome):
    """Holds the dataset of a study, and the best of its trials."""

    best: Best

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, the best trial included."""
        return {**super().to_json(), "best": self.best.model_dump(mode="json")}


class OneClass(Outcome):
    """Holds how well the model of each label tells all others as strangers, by score."""

    classes: list[dict[str, Any]]

    def means(self) -> dict[str, dict[str, float]]:
        """Returns the means over all labels: `auroc` and `caught`, by score."""
        return {
            number: {
                way: fmean(of_label[number][way] for of_label in self.classes)
                for way in self.classes[0][number]
            }
            for number in ("auroc", "caught")
        }

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, with a part for each label."""
        return {**super().to_json(), "classes": self.classes}
