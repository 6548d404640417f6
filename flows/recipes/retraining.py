"""The steps of the retraining flow, run as Prefect tasks or as plain Python."""

import math

from aeflow.artifacts import Dataset, Drift, Evaluation, Model
from aeflow.configs import PipelineConfig
from aeflow.registry.champions import champion_of, rollback_note
from aeflow.registry.holding import held_of, promotion_note
from aeflow.stages.comparison import (
    drift_that_stands,
    judged_before,
    measure_compatibility,
    measure_drift,
)
from aeflow.stages.encoding import encode
from aeflow.stages.evaluation import evaluate
from aeflow.stages.gating import gate
from aeflow.stages.ingestion import ingest
from aeflow.stages.publishing import publish
from aeflow.storage import Store
from flows.recipes.nights import with_night
from flows.recipes.outcome import Outcome, Retraining
from flows.recipes.pipeline import ingest_ood
from flows.recipes.runner import Runner
from flows.recipes.stored import made_from

__all__ = ["retrain"]


@with_night
def retrain(config: PipelineConfig, runner: Runner) -> Retraining:
    """Trains a model if one is due, promotes it if it passes the gate, and updates the features.

    If new rows drifted and `[drift] then` is "hold", a model that passes waits for a person.

    Every run encodes the data with the model that is champion at its end, even if no challenger was
    promoted. So if a run is killed after a promotion, the next run completes its work. Every run
    that is not killed leaves a line among the nights of the store, however it ends.
    """
    dataset = runner.run(ingest, config.ingest)
    ood = ingest_ood(dataset, config, runner)
    champion = champion_of(dataset.name, Store(runner.store))
    drift = None
    if champion:
        earlier = judged_before(dataset, champion, Store(runner.store))
        drift = runner.run(measure_drift, champion, config.drift, dataset=dataset, earlier=earlier)
    due = _why_due(config, runner, champion=champion, dataset=dataset, drift=drift)
    if due is None:
        outcome = Retraining(ending="Unchanged", reason=_why_not(config, drift))
    else:
        why_held = _why_held(config, runner, champion=champion, dataset=dataset, drift=drift)
        outcome = _challenge(
            config, runner, champion=champion, dataset=dataset, ood=ood, why_held=why_held
        )
        outcome = outcome.model_copy(update={"reason": f"{due} {outcome.reason}"})
    is_told = config.drift.then == "tell" and drift is not None and drift.drifted
    outcome = outcome.model_copy(update={"drift": drift, "look": is_told})
    final_champion = outcome.challenger if outcome.ending == "Completed" else champion
    if final_champion is None:
        return outcome.model_copy(update={"dataset": dataset})
    results = _refresh(config, runner, model=final_champion, dataset=dataset, ood=ood)
    updates = dict(results)
    if outcome.challenger is None and results.evaluation:
        updates["mse_change"] = _mse_change(results.evaluation, None)
    if outcome.ending == "Held" and outcome.verdict:
        runner.hold(outcome.verdict)  # last, so that a run that is killed before holds it again
    return outcome.model_copy(update=updates)


def _why_due(
    config: PipelineConfig,
    runner: Runner,
    *,
    champion: Model | None,
    dataset: Dataset,
    drift: Drift | None,
) -> str | None:
    """Returns why a model is due, or None if none is."""
    if champion is None:
        return f"'{dataset.name}' has no champion yet."
    when = config.retrain.train_when
    if when == "on_drift":
        is_due = drift and drift.drifted and config.drift.then != "tell"
        return "The data drifted." if is_due else None
    if when == "on_new_data":
        training_data = made_from(runner.store, champion, Dataset)
        return "The data are new." if training_data.digest != dataset.digest else None
    return "Every run trains a model."


def _why_held(
    config: PipelineConfig,
    runner: Runner,
    *,
    champion: Model | None,
    dataset: Dataset,
    drift: Drift | None,
) -> str | None:
    """Returns why a model that passes the gate must wait for a person, or None if it need not."""
    if config.drift.then != "hold" or champion is None or drift is None:
        return None
    if drift.drifted if drift.new_drifted is None else drift.new_drifted:
        return "The new rows drifted."
    if drift_that_stands(dataset, champion, Store(runner.store)):
        return "Rows that drifted on an earlier night are still among the data."
    return None


def _why_not(config: PipelineConfig, drift: Drift | None) -> str:
    if config.retrain.train_when == "on_drift":
        if drift and drift.drifted:
            return "The champion stays: the data drifted, which is only reported."
        return "The champion stays: the data did not drift."
    return "The champion stays: it was trained on the same data."


def _challenge(
    config: PipelineConfig,
    runner: Runner,
    *,
    champion: Model | None,
    dataset: Dataset,
    ood: Dataset | None,
    why_held: str | None,
) -> Retraining:
    """Trains a challenger, and promotes or holds it if it passes the gate.

    The gate compares it with the champion on the same rows.
    """
    trained = runner.train_autoencoder(config, dataset.address)
    challenger = trained.model
    if challenger == champion:
        return Retraining(ending="Unchanged", reason="Training returned the champion again.")
    note = rollback_note(challenger, Store(runner.store))
    if note:
        return Retraining(ending="Unchanged", reason=note)
    held = held_of(dataset.name, Store(runner.store)) if why_held else None
    if held and held.model == challenger.key:
        reason = f"The model '{held.model}' is held since {held.when:%Y-%m-%d}."
        return Retraining(ending="Unchanged", reason=f"{reason} {promotion_note(held.model)}")
    of_champion: Evaluation | None = None
    if champion:
        of_champion = runner.run(evaluate, champion, config.evaluate, dataset=dataset, ood=ood)
    verdict = runner.run(
        gate,
        trained.evaluation,
        config.gate,
        model=challenger,
        dataset=dataset,
        champion=of_champion,
        champion_model=champion,
    )
    fields = {
        "challenger": challenger,
        "verdict": verdict,
        "mse_change": _mse_change(trained.evaluation, of_champion),
        "reason": " ".join(verdict.reasons),
    }
    if not verdict.passed:
        return Retraining(ending="Refused", **fields)
    if why_held:
        fields["reason"] = f"{why_held} {promotion_note(challenger.key)} {fields['reason']}"
        return Retraining(ending="Held", **fields)
    runner.promote(verdict, model=challenger)
    compatibility = None
    if champion:
        compatibility = runner.run(
            measure_compatibility, challenger, config.compatibility, old=champion, dataset=dataset
        )
    return Retraining(ending="Completed", compatibility=compatibility, **fields)


def _mse_change(evaluation: Evaluation, of_champion: Evaluation | None) -> float | None:
    """Returns the relative difference from the champion's error, or from PCA's without one."""
    mse = evaluation.metrics["mse"]
    compared = of_champion.metrics["mse"] if of_champion else evaluation.metrics["mse_pca"]
    change = mse / compared - 1.0 if compared else math.inf
    return change if math.isfinite(change) else None


def _refresh(
    config: PipelineConfig, runner: Runner, *, model: Model, dataset: Dataset, ood: Dataset | None
) -> Outcome:
    """Evaluates, encodes and publishes with the champion, and updates the features address."""
    evaluation = runner.run(evaluate, model, config.evaluate, dataset=dataset, ood=ood)
    features = runner.run(encode, model, config.encode, dataset=dataset)
    runner.point_features(features, dataset_name=dataset.name)
    publication = runner.run(
        publish, evaluation, config.publish, dataset=dataset, model=model, features=features
    )
    return Outcome(
        dataset=dataset,
        model=model,
        evaluation=evaluation,
        features=features,
        publication=publication,
    )
