"""The outcome of a recipe: new or stored artifacts, which flows exchange as JSON."""

from statistics import fmean
from typing import Any, Literal, get_args

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

__all__ = [
    "LOOK",
    "LOOK_AT",
    "OUTCOMES",
    "Evaluated",
    "OneClass",
    "Outcome",
    "Retraining",
    "Tuned",
    "Watched",
]

Ending = Literal["Completed", "Unchanged", "Refused", "Held"]

OUTCOMES: dict[Ending, str] = {
    "Completed": "promoted",
    "Unchanged": "unchanged",
    "Refused": "refused",
    "Held": "held",
}
"""The outcome of a retraining run by its ending. Scripts read the ending in the run's result."""
LOOK = ("refused", "held")
"""The outcomes that a person should look at."""
LOOK_AT = " (look)"
"""Marks the message of another outcome that a person should look at, because the data drifted."""


class Outcome(BaseModel):
    """Holds one artifact of each stage that ran."""

    model_config = ConfigDict(frozen=True)

    dataset: Dataset | None = None
    model: Model | None = None
    evaluation: Evaluation | None = None
    features: FeatureSet | None = None
    publication: Publication | None = None

    @classmethod
    def parts(cls) -> list[str]:
        """Returns the names of the fields that may hold an artifact."""
        return [
            name
            for name, field in cls.model_fields.items()
            for member in (field.annotation, *get_args(field.annotation))
            if isinstance(member, type) and issubclass(member, Artifact)
        ]

    def artifacts(self) -> dict[str, Artifact]:
        """Returns the artifacts by field name, without empty fields."""
        artifacts = {name: getattr(self, name) for name in self.parts()}
        return {name: artifact for name, artifact in artifacts.items() if artifact is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, which `model_validate` of its type reads back."""
        return {name: artifact.to_json() for name, artifact in self.artifacts().items()}


class Evaluated(Outcome):
    """Holds a model that was evaluated on the dataset that it was trained on."""

    dataset: Dataset  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    model: Model  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    evaluation: Evaluation  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]


class Watched(Outcome):
    """Holds a comparison of a dataset with the training rows of a model."""

    drift: Drift | None = None


class Retraining(Watched):
    """Holds the results of a retraining run and its ending. `model` is the champion after it.

    `mse_change` is the relative difference between the mean squared error of the challenger and
    that of the champion on the same rows, or that of PCA if there was no champion. Without a
    challenger, it compares the champion with PCA. It is None if it is not a finite number. `look`
    says that the data drifted, and that this is only reported.
    """

    challenger: Model | None = None
    verdict: Verdict | None = None
    compatibility: Compatibility | None = None
    mse_change: float | None = None
    ending: Ending
    reason: str
    look: bool = False

    @property
    def outcome(self) -> str:
        """What became of the challenger: promoted, refused or held, or unchanged without one."""
        return OUTCOMES[self.ending]

    @property
    def needs_look(self) -> bool:
        """Whether a person should look at the run."""
        return self.look or self.outcome in LOOK

    def summary(self) -> str:
        """Returns the outcome, the error and the drift, as in `promoted, MSE -12 %, no drift`."""
        parts = [self.outcome]
        if self.mse_change is not None:
            is_of_champions = self.verdict is not None and self.verdict.champion is not None
            compared_with = "" if is_of_champions else " vs PCA"
            parts.append(f"MSE {round(100 * self.mse_change):+} %{compared_with}")
        if self.drift:
            parts.append("drift" if self.drift.drifted else "no drift")
        return ", ".join(parts)

    def message(self) -> str:
        """Returns the outcome and its reason, as in `Refused: The data are new. ...`."""
        return f"{self.outcome.capitalize()}{LOOK_AT * self.look}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, with the ending, its reason and the error."""
        scalars = {"ending": self.ending, "reason": self.reason, "mse_change": self.mse_change}
        return {**super().to_json(), **scalars, "look": self.look}


class Tuned(Outcome):
    """Holds the dataset of a study, and the best of its trials."""

    best: Best

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, with the best trial."""
        return {**super().to_json(), "best": self.best.model_dump(mode="json")}


class OneClass(Outcome):
    """Holds how well the model of each label detects all other labels as OOD, by score."""

    classes: list[dict[str, Any]]

    def means(self) -> dict[str, dict[str, float]]:
        """Returns the means of `auroc` and `caught` over all labels, by score."""
        return {
            measure: {
                score: fmean(of_label[measure][score] for of_label in self.classes)
                for score in self.classes[0][measure]
            }
            for measure in ("auroc", "caught")
        }

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON, with an entry for each label."""
        return {**super().to_json(), "classes": self.classes}
