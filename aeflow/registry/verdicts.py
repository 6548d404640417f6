"""Verdicts in a store: the newest one on an evaluation, and on a model against a champion."""

from aeflow.artifacts import Evaluation, Model, Verdict
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["verdict_about", "verdict_on"]


def verdict_about(evaluation: Evaluation, store: Store) -> Verdict | None:
    """Returns the newest verdict that is based on an evaluation, or None if there is none."""
    manifests = [
        manifest
        for manifest in manifests_of(Verdict, store)
        if manifest.question.inputs.get("evaluation") == evaluation.reference
    ]
    newest = max(manifests, key=lambda manifest: manifest.created, default=None)
    return Verdict.model_validate(newest.artifact) if newest else None


def verdict_on(model: Model, store: Store, *, champion: Model | None) -> Verdict | None:
    """Returns the newest verdict on a model, compared with that champion or, if None, with none.

    Verdicts on damaged files are ignored, so that the model can be judged again after a repair.
    """
    manifests = [
        manifest
        for manifest in manifests_of(Verdict, store)
        if manifest.question.inputs["model"].digest == model.identity
        and manifest.artifact["dataset_name"] == model.dataset_name
        and manifest.artifact["champion"] == (champion.key if champion else None)
        and "damage" not in manifest.question.configs
    ]
    newest = max(manifests, key=lambda manifest: manifest.created, default=None)
    return Verdict.model_validate(newest.artifact) if newest else None
