"""Changes of a champion by hand, with its features: a promotion and a rollback."""

from aeflow.artifacts import Dataset, FeatureSet, Model, Verdict
from aeflow.configs import EncodeConfig
from aeflow.lineage import Manifest
from aeflow.registry import champions
from aeflow.registry.champions import Champion
from aeflow.stages.encoding import encode
from aeflow.storage import Store
from aeflow.storage.listing import newest_of
from flows.recipes.runner import Runner

__all__ = ["promote", "rollback"]


def promote(verdict: Verdict, runner: Runner, *, model: Model, again: bool = False) -> Champion:
    """Makes a model the champion, and points the features address of its dataset at its features.

    The features are encoded first. So if that fails or is killed, the champion stays.
    """
    _encode(model, runner)
    entry = champions.promote(verdict, Store(runner.store), model=model, again=again)
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
    newest = champions.newest_features(model.dataset_name, store)
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
