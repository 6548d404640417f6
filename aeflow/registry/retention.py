"""Retention: what a prune keeps and what it removes, so that a store does not grow forever."""

import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Artifact, Dataset, Model, Verdict
from aeflow.errors import ConfigError
from aeflow.lineage import Manifest
from aeflow.registry.champions import champions, history_of, promotions_in_force
from aeflow.registry.features_address import names_with_features, newest_features
from aeflow.registry.holding import held_addresses
from aeflow.storage import Store
from aeflow.storage.disk.files import PARTIAL
from aeflow.storage.layout import LOGS
from aeflow.storage.leases import live_inputs
from aeflow.storage.removal import ADDRESS, remove_artifact, remove_draft, remove_log
from aeflow.storage.use import GRACE_SECONDS, is_claimed, last_use

__all__ = ["MIN_AGE_SECONDS", "Item", "Plan", "carry_out", "plan_prune"]

COUNTED = (f"{Model.folder}/", f"{Dataset.folder}/")
"""The folders of which the newest artifacts are kept. All other artifacts are made from these."""
MIN_AGE_SECONDS = 3600.0

Why = Literal["superseded", "unfinished", "left over", "log"]


class Item(BaseModel):
    """Names one thing to remove, with its size and the reason.

    It is an artifact, a draft, the remains of an artifact, or a log.
    """

    model_config = ConfigDict(frozen=True)

    address: str
    why: Why
    size: int


class Plan(BaseModel):
    """Lists what a prune removes, in that order, and what stays only because it is in use."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Item, ...]
    in_use: tuple[str, ...]
    min_age_seconds: float
    unused_since: float
    lineage: dict[str, tuple[str, ...]]


def plan_prune(store: Store, *, keep_last: int, min_age_seconds: float = MIN_AGE_SECONDS) -> Plan:
    """Returns what a prune would remove, and writes nothing.

    It keeps the newest `keep_last` models and datasets of each dataset name. It keeps what an alias
    needs, including every champion that a rollback can return to. It keeps what was made or used
    within `min_age_seconds`, and what a live run builds on. It keeps everything that these were
    made from, and everything that was made only from kept artifacts. A draft is removed if no
    process holds it and it did not change within `min_age_seconds`. A log is removed with its
    model. A shorter age than ten minutes counts as ten minutes, because a use is recorded only once
    in five minutes.

    Raises ConfigError if `keep_last` or `min_age_seconds` is out of range. Raises CorruptArtifact
    if a manifest or an alias cannot be read, because the artifacts that it needs are then unknown.
    """
    _check(keep_last, min_age_seconds)
    min_age_seconds = max(min_age_seconds, GRACE_SECONDS)
    unused_since = time.time() - min_age_seconds
    manifests, remains, drafts = _contents_of(store)
    inputs = {address: _inputs_of(manifest) for address, manifest in manifests.items()}
    live_runs = _live_runs(store)
    kept_addresses = _with_lineage(
        {
            *_aliased_addresses(store),
            *held_addresses(store),
            *_newest(manifests, keep_last),
            *_addresses_in(live_runs),
        },
        inputs,
    )
    kept_addresses = _with_derived(kept_addresses, inputs)
    recent_addresses = {a for a in manifests if last_use(store.files, a) >= unused_since}
    used_addresses = _with_lineage(recent_addresses, inputs) - kept_addresses
    old_addresses = sorted(
        set(manifests) - kept_addresses - used_addresses, key=_depths(inputs), reverse=True
    )
    idle_names = [
        name
        for name in (*drafts, *remains)
        if name.removesuffix(PARTIAL) not in live_runs
        and (store.files.last_change(name) < unused_since or is_claimed(store.files, name))
    ]
    used_drafts = set(drafts) - set(idle_names)
    logs = _logs(store, (set(manifests) - set(old_addresses)) | used_drafts | set(live_runs))
    return Plan(
        items=(
            *(_item(store, name, "unfinished") for name in idle_names if name.endswith(PARTIAL)),
            *(_item(store, name, "left over") for name in idle_names if not name.endswith(PARTIAL)),
            *(_item(store, address, "superseded") for address in old_addresses),
            *(_item(store, name, "log") for name in logs),
        ),
        in_use=tuple(sorted(used_addresses | used_drafts)),
        min_age_seconds=min_age_seconds,
        unused_since=unused_since,
        lineage={address: tuple(_with_lineage({address}, inputs)) for address in old_addresses},
    )


def carry_out(plan: Plan, store: Store) -> Iterator[Item]:
    """Removes the items of a plan, and yields each one once it is gone.

    An artifact that is used meanwhile stays, with all that it was made from. So an artifact that a
    run reads is kept, and a run that does not find an artifact makes it again. Derived
    artifacts are removed before those that they were made from. Each artifact is claimed first, and
    its manifest is removed before its files. So at every moment, even after a kill, each artifact
    that is not claimed is complete and has its lineage. After a kill, another prune removes the
    rest.
    """
    used_addresses: set[str] = set()
    for item in plan.items:
        if item.address in used_addresses:
            continue
        if _remove(item, plan, store):
            yield item
        else:
            used_addresses.update(plan.lineage.get(item.address, ()))


def _remove(item: Item, plan: Plan, store: Store) -> bool:
    if item.why == "log":
        return remove_log(store.files, item.address, model=_model_of_log(item.address))
    remove = remove_draft if item.why == "unfinished" else remove_artifact
    return remove(store.files, item.address, unused_since=plan.unused_since)


def _check(keep_last: int, min_age_seconds: float) -> None:
    if keep_last < 1:
        raise ConfigError(
            "A prune keeps at least 1 model and 1 dataset of each dataset name, not "
            f"{keep_last}. Give --keep-last 1 or more."
        )
    if not min_age_seconds >= 0:  # also refuses nan
        raise ConfigError(
            f"The minimum age of a prune is 0 s or more, not {min_age_seconds:g} s. "
            "Give --min-age-minutes 0 or more."
        )


def _contents_of(store: Store) -> tuple[dict[str, Manifest], list[str], list[str]]:
    """Returns manifests by address, then folders that lost their manifest, then drafts."""
    manifests, remains, drafts = {}, [], []
    for folder in sorted(kind.folder for kind in Artifact.__subclasses__()):
        for name in store.files.folders(folder):
            address = f"{folder}/{name}"
            if not ADDRESS.fullmatch(address.removesuffix(PARTIAL)):
                continue
            if name.endswith(PARTIAL):
                drafts.append(address)
            elif (manifest := store.find(address)) is not None:
                manifests[address] = manifest
            else:
                remains.append(address)
    return manifests, remains, drafts


def _inputs_of(manifest: Manifest) -> frozenset[str]:
    """Returns the addresses of an artifact's inputs. A dataset, made of a source, has none."""
    if manifest.question.folder == Dataset.folder:
        return frozenset()
    return frozenset(source.address for source in manifest.question.inputs.values())


def _aliased_addresses(store: Store) -> set[str]:
    """Returns the addresses of the artifacts that aliases need.

    These are the champions, the models that a rollback can return to, the verdicts that promoted
    them, the first champion, whose dataset has the fixed rows of all nights, the newest features,
    and the features before those, which may still be read.
    """
    addresses: set[str] = set()
    for name in champions(store):
        history = history_of(name, store)
        for entry in (*history[:1], *promotions_in_force(history)):
            addresses |= {f"{Model.folder}/{entry.model}", f"{Verdict.folder}/{entry.verdict}"}
    for name in names_with_features(store):
        newest = newest_features(name, store)
        if newest:
            addresses |= {newest.address, newest.before or newest.address}
    return addresses


def _live_runs(store: Store) -> dict[str, list[str]]:
    """Maps each address that a live run holds to the addresses of that run's inputs."""
    live_runs = {}
    for kind in Artifact.__subclasses__():
        for name in store.files.file_names(kind.folder):
            if name.endswith(".lease"):
                inputs = live_inputs(store.files, f"{kind.folder}/{name}")
                if inputs is not None:
                    live_runs[f"{kind.folder}/{name.removesuffix('.lease')}"] = inputs
    return live_runs


def _addresses_in(live_runs: dict[str, list[str]]) -> set[str]:
    return {*live_runs, *(address for inputs in live_runs.values() for address in inputs)}


def _newest(manifests: dict[str, Manifest], number: int) -> set[str]:
    """Returns the addresses of the newest models and datasets of each dataset name."""
    by_name: dict[tuple[str, str], list[Manifest]] = {}
    for manifest in manifests.values():
        folder, artifact = manifest.question.folder, manifest.artifact
        if folder in (Model.folder, Dataset.folder):
            name = artifact["dataset_name" if folder == Model.folder else "name"]
            by_name.setdefault((folder, name), []).append(manifest)
    return {
        manifest.question.address
        for group in by_name.values()
        for manifest in sorted(group, key=lambda m: m.created)[-number:]
    }


def _with_lineage(addresses: Iterable[str], inputs: dict[str, frozenset[str]]) -> set[str]:
    lineage, remaining = set(), list(addresses)
    while remaining:
        address = remaining.pop()
        if address in inputs and address not in lineage:
            lineage.add(address)
            remaining.extend(inputs[address])
    return lineage


def _with_derived(addresses: set[str], inputs: dict[str, frozenset[str]]) -> set[str]:
    """Adds every artifact that was made only from these, directly or through added ones."""
    derivable = {a: made_from for a, made_from in inputs.items() if not a.startswith(COUNTED)}
    while True:
        derived = {a for a, made_from in derivable.items() if made_from <= addresses} - addresses
        if not derived:
            return addresses
        addresses = addresses | derived


def _depths(inputs: dict[str, frozenset[str]]):
    """Returns a sort key that puts a derived artifact after all that it was made from."""

    @cache
    def depth(address: str) -> int:
        return 1 + max((depth(made_from) for made_from in inputs.get(address, ())), default=0)

    return lambda address: (depth(address), address)


def _logs(store: Store, kept_addresses: set[str]) -> list[str]:
    """Lists the logs of models that are neither kept nor being trained."""
    logs = (f"{LOGS}/{key}" for key in store.files.folders(LOGS))
    return [
        log
        for log in logs
        if not {_model_of_log(log), f"{_model_of_log(log)}{PARTIAL}"} & kept_addresses
        and ADDRESS.fullmatch(log)
    ]


def _model_of_log(name: str) -> str:
    return f"{Model.folder}/{name.removeprefix(f'{LOGS}/')}"


def _item(store: Store, address: str, why: Why) -> Item:
    return Item(address=address, why=why, size=store.files.size(address))
