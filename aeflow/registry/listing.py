"""Models of a store: origin, newest metrics, and which are champions, rolled back or refused."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Evaluation, Model, Verdict
from aeflow.lineage import Manifest
from aeflow.registry.champions import champions, rolled_back
from aeflow.registry.nights import fixed_rows
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of

__all__ = ["ListedModel", "list_models"]


class ListedModel(BaseModel):
    """Describes a stored model, its dataset and the metrics of its newest evaluation."""

    model_config = ConfigDict(frozen=True)

    key: str
    dataset: str
    made_from: str
    network: str
    kind: str
    latent_dim: int
    created: datetime
    metrics: dict[str, float]
    is_champion: bool
    is_rolled_back: bool
    is_refused: bool


def list_models(store: Store) -> list[ListedModel]:
    """Lists the stored models, newest first. Models with a damaged manifest are left out."""
    champion_keys = champions(store)
    newest = _newest_evaluations(store, champion_keys)
    rolled_back_keys = {key for name in champion_keys for key in rolled_back(name, store)}
    refused_keys = _refused(store)
    rows = [
        _listed_model(
            manifest,
            newest.get(manifest.digest),
            is_champion=manifest.key in champion_keys.values(),
            is_rolled_back=manifest.key in rolled_back_keys,
            is_refused=manifest.key in refused_keys,
        )
        for manifest in manifests_of(Model, store)
    ]
    return sorted(rows, key=lambda row: row.created, reverse=True)


def _listed_model(manifest: Manifest, evaluation: Manifest | None, **standing: bool) -> ListedModel:
    model = Model.model_validate(manifest.artifact)
    return ListedModel(
        key=model.key,
        dataset=model.dataset_name,
        made_from=manifest.question.inputs["dataset"].address,
        network=model.network,
        kind=model.kind,
        latent_dim=model.latent_dim,
        created=manifest.created,
        metrics=Evaluation.model_validate(evaluation.artifact).metrics if evaluation else {},
        **standing,
    )


def _newest_evaluations(store: Store, names: Iterable[str]) -> dict[str, Manifest]:
    """Maps the identity of each model to its newest evaluation.

    An evaluation on the fixed rows of the nights counts only if the model has no other.
    """
    fixed = {rows.address for name in names if (rows := fixed_rows(name, store))}

    def rank(manifest: Manifest) -> tuple[bool, datetime]:
        return manifest.question.inputs["dataset"].address not in fixed, manifest.created

    evaluations = sorted(manifests_of(Evaluation, store), key=rank)
    return {manifest.question.inputs["model"].digest: manifest for manifest in evaluations}


def _refused(store: Store) -> set[str]:
    """Returns the keys of the models whose newest verdict did not pass."""
    newest_last = sorted(manifests_of(Verdict, store), key=lambda manifest: manifest.created)
    passed = {verdict.artifact["model"]: verdict.artifact["passed"] for verdict in newest_last}
    return {key for key, has_passed in passed.items() if not has_passed}
