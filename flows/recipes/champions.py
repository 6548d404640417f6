"""Changes of a champion by hand, with its features: a promotion and a rollback."""

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model, Verdict
from aeflow.configs import EncodeConfig, PipelineConfig
from aeflow.errors import Refused
from aeflow.lineage import Manifest
from aeflow.registry import champions, features_address
from aeflow.registry.champions import Champion
from aeflow.registry.verdicts import verdict_on
from aeflow.stages.encoding import encode
from aeflow.stages.evaluation import evaluate
from aeflow.stages.gating import gate
from aeflow.storage import Store
from aeflow.storage.listing import newest_of
from flows.recipes.pipeline import ingest_ood
from flows.recipes.runner import Runner
from flows.recipes.stored import made_from, stored

__all__ = ["promote", "promote_key", "rollback", "verdict_of"]


def promote_key(key: str, runner: Runner, *, run: str, reason: str) -> Champion:
    """Makes the model with a key the champion of its dataset, unless it is. Raises Refused."""
    model = stored(runner.store, key, Model)
    verdict = verdict_of(model, PipelineConfig(), runner)
    if not verdict.passed:
        reasons = " ".join(verdict.reasons)
        raise Refused(f"The gate refused '{model.key}': {reasons}")
    return promote(verdict, runner, model=model, run=run, reason=reason)


def verdict_of(
    challenger: Model, config: PipelineConfig, runner: Runner, *, is_new: bool = False
) -> Verdict:
    """Returns the stored verdict against the current champion, or a new one from the gate."""
    store = Store(runner.store)
    champion = champions.champion_of(challenger.dataset_name, store)
    if champion and champion.key == challenger.key:
        newest = champions.history_of(challenger.dataset_name, store)[-1]
        return stored(runner.store, newest.verdict, Verdict)
    verdict = None if is_new else verdict_on(challenger, store, champion=champion)
    return verdict or _new_verdict(challenger, config, runner, champion=champion)


def promote(
    verdict: Verdict,
    runner: Runner,
    *,
    model: Model,
    again: bool = False,
    run: str = "",
    by: str = "",
    reason: str = "",
) -> Champion:
    """Makes a model the champion, and points the features address of its dataset at its features.

    The features are encoded first. So if that fails or is killed, the champion stays.
    """
    _encode(model, runner)
    entry = champions.promote(
        verdict, Store(runner.store), model=model, run=run, again=again, by=by, reason=reason
    )
    _point_at_champion(verdict.dataset_name, runner)
    return entry


def rollback(dataset_name: str, runner: Runner) -> Champion:
    """Makes the previous champion the champion again, and points the address at its features.

    The features are encoded first. So if that fails or is killed, the champion stays.
    """
    store = Store(runner.store)
    _encode(champions.rollback_target(dataset_name, store), runner)
    entry = champions.rollback(dataset_name, store)
    _point_at_champion(dataset_name, runner)
    return entry


def _point_at_champion(dataset_name: str, runner: Runner) -> None:
    champion = champions.champion_of(dataset_name, Store(runner.store))
    features = _encode(champion, runner) if champion else None
    if features:
        runner.point_features(features, dataset_name=dataset_name)


def _encode(model: Model, runner: Runner) -> FeatureSet | None:
    """Returns a model's features of the newest dataset of its name; encodes them if they are gone.

    They have the layout of the features at the address now. Returns None if there is no address.
    """
    store = Store(runner.store)
    newest = features_address.newest_features(model.dataset_name, store)
    if newest is None:
        return None
    manifest = store.find(newest.address)
    config = EncodeConfig.model_validate(manifest.question.configs["encode"] if manifest else {})
    dataset = _newest_dataset(model.dataset_name, store, features=manifest)
    return runner.run(encode, model, config, dataset=dataset) if dataset else None


def _newest_dataset(
    dataset_name: str, store: Store, *, features: Manifest | None
) -> Dataset | None:
    """Returns the newest dataset of a name, ingested as the one that the features were made of.

    One source may also be ingested with other splits, or with one label alone, under the same name.
    """
    made_from = store.find(features.question.inputs["dataset"].address) if features else None

    def matches(manifest: Manifest) -> bool:
        has_options = made_from is None or manifest.question.configs == made_from.question.configs
        return manifest.artifact["name"] == dataset_name and has_options

    newest = newest_of(Dataset, store, matches)
    return Dataset.model_validate(newest.artifact) if newest else None


def _new_verdict(
    challenger: Model, config: PipelineConfig, runner: Runner, *, champion: Model | None
) -> Verdict:
    dataset = made_from(runner.store, challenger, Dataset)
    if config.evaluate.ood_source:
        ood = ingest_ood(dataset, config, runner)
    else:
        ood = _ood_of_newest_evaluation(challenger, config, runner.store, dataset=dataset)
    evaluations = [
        runner.run(evaluate, model, config.evaluate, dataset=dataset, ood=ood)
        for model in (challenger, champion)
        if model
    ]
    return runner.run(
        gate,
        evaluations[0],
        config.gate,
        model=challenger,
        dataset=dataset,
        champion=evaluations[1] if champion else None,
        champion_model=champion,
    )


def _ood_of_newest_evaluation(
    model: Model, config: PipelineConfig, store: str, *, dataset: Dataset
) -> Dataset | None:
    """Returns the out-of-distribution rows of the model's newest evaluation with this config."""

    def matches(manifest: Manifest) -> bool:
        return (
            manifest.question.inputs["model"].digest == model.identity
            and manifest.question.inputs["dataset"].digest == dataset.digest
            and manifest.question.configs.get("evaluate") == config.evaluate.hashed()
        )

    newest = newest_of(Evaluation, Store(store), matches)
    reference = newest.question.inputs.get("strangers") if newest else None
    if reference is None or Store(store).find(reference.address) is None:
        return None
    return stored(store, reference.address, Dataset)
