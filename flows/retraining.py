"""What the retraining flow does, in order: with tasks it is a Prefect flow, else plain Python."""

from aeflow.artifacts import Dataset, Drift, Evaluation, Model
from aeflow.champions import champion_of
from aeflow.configs import PipelineConfig
from aeflow.storage import Store
from flows.outcome import Outcome, Retraining
from flows.recipes import Stages, strangers_to
from flows.stored import absolute, made_from

__all__ = ["retrain"]


def retrain(config: PipelineConfig, store: str, *, stages: Stages) -> Retraining:
    """Trains when it is due, promotes what passes the gate, and keeps features fresh.

    Whatever happens to a challenger, the data are encoded with the model that is champion at the
    end, so that a run that was killed after a promotion is made good by the next.
    """
    store = absolute(store)
    dataset = stages.ingest(config.ingest, store, runtime=config.runtime)
    strangers = strangers_to(dataset, config, store, stages=stages)
    champion = champion_of(dataset.name, Store(store))
    drift = _drift(config, store, champion=champion, dataset=dataset, stages=stages)
    due = _why_due(config, store, champion=champion, dataset=dataset, drift=drift)
    if due is None:
        found = Retraining(drift=drift, ending="Unchanged", reason=_why_not(config))
    else:
        found = _challenge(
            config, store, champion=champion, dataset=dataset, strangers=strangers, stages=stages
        )
        found = found.model_copy(update={"drift": drift, "reason": f"{due} {found.reason}"})
    standing = found.challenger if found.ending == "Completed" else champion
    if standing is None:
        return found.model_copy(update={"dataset": dataset})
    fresh = _refreshed(
        config, store, model=standing, dataset=dataset, strangers=strangers, stages=stages
    )
    return found.model_copy(update=dict(fresh))


def _drift(config, store: str, *, champion: Model | None, dataset: Dataset, stages: Stages):
    if champion is None:
        return None
    return stages.drift(champion, config.drift, store, dataset=dataset, runtime=config.runtime)


def _why_due(
    config: PipelineConfig,
    store: str,
    *,
    champion: Model | None,
    dataset: Dataset,
    drift: Drift | None,
) -> str | None:
    """Says why a model is due, or None where none is."""
    if champion is None:
        return f"'{dataset.name}' has no champion yet."
    when = config.retrain.train_when
    if when == "on_drift":
        return "The data drifted." if drift and drift.drifted else None
    if when == "on_new_data":
        own = made_from(store, champion, Dataset)
        return "The data are new." if own.digest != dataset.digest else None
    return "Every run trains."


def _why_not(config: PipelineConfig) -> str:
    if config.retrain.train_when == "on_drift":
        return "The champion stays: its data did not drift."
    return "The champion stays: it was trained on these very data."


def _challenge(
    config: PipelineConfig,
    store: str,
    *,
    champion: Model | None,
    dataset: Dataset,
    strangers: Dataset | None,
    stages: Stages,
) -> Retraining:
    """Trains a challenger and lets the gate judge it beside the champion, on the same rows."""
    trained = stages.train_autoencoder(config, store, dataset=dataset.address)
    challenger = trained.model
    if challenger == champion:
        return Retraining(ending="Unchanged", reason="Training gave the champion itself again.")
    beside = _evaluated(
        config, store, model=champion, dataset=dataset, strangers=strangers, stages=stages
    )
    verdict = stages.gate(
        trained.evaluation,
        config.gate,
        store,
        model=challenger,
        dataset=dataset,
        champion=beside,
        champion_model=champion,
        runtime=config.runtime,
    )
    judged = {"challenger": challenger, "verdict": verdict, "reason": " ".join(verdict.reasons)}
    if not verdict.passed:
        return Retraining(ending="Refused", **judged)
    stages.promote(verdict, store, model=challenger)
    compatibility = None
    if champion:
        compatibility = stages.compatibility(
            challenger,
            config.compatibility,
            store,
            old=champion,
            dataset=dataset,
            runtime=config.runtime,
        )
    return Retraining(ending="Completed", compatibility=compatibility, **judged)


def _evaluated(
    config: PipelineConfig,
    store: str,
    *,
    model: Model | None,
    dataset: Dataset,
    strangers: Dataset | None,
    stages: Stages,
) -> Evaluation | None:
    if model is None:
        return None
    return stages.evaluate(
        model,
        config.evaluate,
        store,
        dataset=dataset,
        strangers=strangers,
        runtime=config.runtime,
    )


def _refreshed(
    config: PipelineConfig,
    store: str,
    *,
    model: Model,
    dataset: Dataset,
    strangers: Dataset | None,
    stages: Stages,
) -> Outcome:
    """Evaluates, encodes and publishes with the champion; the address of its features follows."""
    evaluation = _evaluated(
        config, store, model=model, dataset=dataset, strangers=strangers, stages=stages
    )
    features = stages.encode(model, config.encode, store, dataset=dataset, runtime=config.runtime)
    stages.point_features(features, store, dataset_name=dataset.name)
    publication = stages.publish(
        evaluation,
        config.publish,
        store,
        dataset=dataset,
        model=model,
        features=features,
        runtime=config.runtime,
    )
    return Outcome(
        dataset=dataset,
        model=model,
        evaluation=evaluation,
        features=features,
        publication=publication,
    )
