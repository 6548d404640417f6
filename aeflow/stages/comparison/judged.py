"""The datasets whose rows were judged before: what is new in a dataset is new since one of them."""

from collections.abc import Iterator

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.datasets.new_rows import count_new_rows, new_rows
from aeflow.lineage import Manifest
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["MIN_NEW_ROWS", "drift_that_stands", "judged_before"]

MIN_NEW_ROWS = 200
"""Fewer new rows are judged together with those of the nights before."""


def judged_before(dataset: Dataset, model: Model, store: Store) -> Dataset | None:
    """Returns the dataset that was judged last before this one, or that the model was trained on.

    If fewer than 200 rows are new since then, an older one is returned, so that there are as many
    if possible. Rows that the model was trained on are never new. Returns None if the store has
    none of these datasets any more.
    """
    earlier = None
    for earlier in _judged_datasets(dataset, model, store):
        if count_new_rows(dataset, earlier, store) >= MIN_NEW_ROWS:
            break
    return earlier


def drift_that_stands(dataset: Dataset, model: Model, store: Store) -> Drift | None:
    """Returns the newest drift of new rows that the dataset still has, or None if there is none.

    The rows of another night may be good, and yet a model would be trained on those that drifted.
    """
    for manifest in _drifts(model, store):
        drift = Drift.model_validate(manifest.artifact)
        inputs = manifest.question.inputs
        judged, earlier = (
            _dataset_at(inputs[name].address, store) if name in inputs else None
            for name in ("dataset", "earlier")
        )
        if drift.new_drifted and judged and earlier and _has(dataset, judged, earlier, store):
            return drift
    return None


def _has(dataset: Dataset, judged: Dataset, earlier: Dataset, store: Store) -> bool:
    """Returns whether a dataset has any of the rows that were new in the judged dataset."""
    missing = new_rows(judged, dataset, store)
    return any(
        (mask & ~missing[name]).any() if name in missing else mask.any()
        for name, mask in new_rows(judged, earlier, store).items()
    )


def _judged_datasets(dataset: Dataset, model: Model, store: Store) -> Iterator[Dataset]:
    """Yields the datasets that were compared with a model, newest first, then its training data."""
    own = store.manifest(model.address).question.inputs["dataset"]
    addresses = [manifest.question.inputs["dataset"].address for manifest in _drifts(model, store)]
    if own.digest == dataset.digest:
        addresses = []
    for address in dict.fromkeys([*addresses, own.address]):
        judged = _dataset_at(address, store)
        is_same = judged is not None and judged.digest == dataset.digest
        if judged and judged.name == dataset.name and (address == own.address or not is_same):
            yield judged


def _drifts(model: Model, store: Store) -> list[Manifest]:
    drifts = [
        manifest
        for manifest in manifests_of(Drift, store)
        if manifest.question.inputs["model"].digest == model.identity
    ]
    return sorted(drifts, key=lambda manifest: manifest.created, reverse=True)


def _dataset_at(address: str, store: Store) -> Dataset | None:
    manifest = store.find(address)
    return Dataset.model_validate(manifest.artifact) if manifest else None
