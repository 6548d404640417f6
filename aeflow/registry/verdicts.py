"""Verdicts in a store: the newest one on an evaluation, and on a model against a champion."""

from collections.abc import Callable

from aeflow.artifacts import Evaluation, Model, Verdict
from aeflow.lineage import Manifest
from aeflow.storage import Store
from aeflow.storage.listing import newest_of

__all__ = ["verdict_about", "verdict_on"]


def verdict_about(evaluation: Evaluation, store: Store) -> Verdict | None:
    """Returns the newest verdict that is based on an evaluation, or None if there is none."""

    def is_about(manifest: Manifest) -> bool:
        return manifest.question.inputs.get("evaluation") == evaluation.reference

    return _newest_verdict(store, is_about)


def verdict_on(model: Model, store: Store, *, champion: Model | None) -> Verdict | None:
    """Returns the newest verdict on a model, compared with that champion or, if None, with none.

    Verdicts on damaged files are ignored, so that the model can be judged again after a repair.
    """

    def is_on(manifest: Manifest) -> bool:
        return (
            manifest.question.inputs["model"].digest == model.identity
            and manifest.artifact["dataset_name"] == model.dataset_name
            and manifest.artifact["champion"] == (champion.key if champion else None)
            and "damage" not in manifest.question.configs
        )

    return _newest_verdict(store, is_on)


def _newest_verdict(store: Store, matches: Callable[[Manifest], bool]) -> Verdict | None:
    newest = newest_of(Verdict, store, matches)
    return Verdict.model_validate(newest.artifact) if newest else None
