"""Champions: which model of a dataset name is in use, since when, and by which verdict."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aeflow.artifacts import Model, Verdict
from aeflow.errors import ConfigError, CorruptArtifact
from aeflow.storage import Store
from aeflow.storage.aliases import Alias, alias_file, alias_owners, change_alias, read_alias

__all__ = [
    "Champion",
    "champion_of",
    "champions",
    "history_of",
    "promote",
    "promotions_in_force",
    "rollback",
    "rollback_note",
    "rollback_target",
    "rolled_back",
]

CHAMPION = "champion"


class Champion(BaseModel):
    """Records one change of a champion: the model, the previous one, the verdict and the run.

    `again` is set if the model had been rolled back and was promoted again on purpose. If it was
    promoted by hand, `by` is the user and `reason` is what they gave.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    identity: str
    verdict: str
    run: str
    when: datetime
    action: Literal["promoted", "rolled back"]
    before: str | None
    again: bool = Field(default=False, exclude_if=lambda again: not again)
    by: str = Field(default="", exclude_if=lambda by: not by)
    reason: str = Field(default="", exclude_if=lambda reason: not reason)


def promote(
    verdict: Verdict,
    store: Store,
    *,
    model: Model,
    run: str = "",
    again: bool = False,
    by: str = "",
    reason: str = "",
) -> Champion:
    """Makes a model the champion of the verdict's dataset name, unless it already is.

    Raises ConfigError unless the verdict is committed in this store, passed, and about this model.
    Raises ConfigError if the model was rolled back and `again` is not set. Raises CorruptArtifact
    if files of the verdict or the model differ from what was committed.
    """
    _check_passed(verdict, store, model)
    store.reading(model, [entry.name for entry in store.manifest(model.address).files])

    def change(alias: Alias[Champion] | None) -> Champion:
        if alias and alias.current.model == model.key:
            return alias.current
        was_rolled_back = alias is not None and model.key in _rolled_back(alias.history)
        if was_rolled_back and not again:
            raise ConfigError(_note_on(model.key, verdict.dataset_name))
        return Champion(
            model=model.key,
            identity=model.identity,
            verdict=verdict.key,
            run=run,
            when=datetime.now(UTC),
            action="promoted",
            before=alias.current.model if alias else None,
            again=was_rolled_back,
            by=by,
            reason=reason,
        )

    return _change_champion(verdict.dataset_name, store, change)


def rollback(dataset_name: str, store: Store, *, run: str = "") -> Champion:
    """Makes the previous champion the champion again, and records that in the history.

    The model that was champion can then be promoted only with `again`. Each further rollback goes
    back by one more champion, except for models that were rolled back themselves. Raises
    ConfigError if there is none left.
    """

    def change(alias: Alias[Champion] | None) -> Champion:
        target = _entry_before(alias, dataset_name)
        _model_of(target, dataset_name, store)
        changes = {"run": run, "when": datetime.now(UTC), "action": "rolled back", "again": False}
        before = alias.current.model if alias else None
        return target.model_copy(update={**changes, "before": before, "by": "", "reason": ""})

    return _change_champion(dataset_name, store, change)


def rollback_target(dataset_name: str, store: Store) -> Model:
    """Returns the model that a rollback would make champion. Raises the errors of `rollback`."""
    target = _entry_before(_champion_alias(dataset_name, store), dataset_name)
    return _model_of(target, dataset_name, store)


def rolled_back(dataset_name: str, store: Store) -> frozenset[str]:
    """Returns the keys of the models that were rolled back and have not been champion since."""
    return _rolled_back(history_of(dataset_name, store))


def rollback_note(model: Model, store: Store) -> str | None:
    """Returns why a model that was rolled back is not promoted, or None for all other models."""
    name = model.dataset_name
    return _note_on(model.key, name) if model.key in rolled_back(name, store) else None


def champion_of(dataset_name: str, store: Store) -> Model | None:
    """Returns the champion of a dataset name, or None if none was promoted yet."""
    alias = _champion_alias(dataset_name, store)
    return _model_of(alias.current, dataset_name, store) if alias else None


def champions(store: Store) -> dict[str, str]:
    """Returns a mapping from each dataset name to the key of its champion."""
    aliases = {name: _champion_alias(name, store) for name in alias_owners(store.files, CHAMPION)}
    return {name: alias.current.model for name, alias in aliases.items() if alias}


def history_of(dataset_name: str, store: Store) -> tuple[Champion, ...]:
    """Returns all changes of a dataset name's champion, newest last."""
    alias = _champion_alias(dataset_name, store)
    return alias.history if alias else ()


def promotions_in_force(history: tuple[Champion, ...]) -> list[Champion]:
    """Returns the promotions of models that were not rolled back, the current champion's last.

    Earlier versions went back to models that had been rolled back, and such an entry counts, too.
    """
    entries: list[Champion] = []
    for entry in history:
        if entry.action == "rolled back":
            entries = [one for one in entries if one.model != entry.before]
        if not entries or entries[-1].model != entry.model:
            entries.append(entry)
    return entries


def _champion_alias(dataset_name: str, store: Store) -> Alias[Champion] | None:
    return read_alias(store.files, alias_file(dataset_name, CHAMPION), Champion)


def _change_champion(
    dataset_name: str, store: Store, change: Callable[[Alias[Champion] | None], Champion]
) -> Champion:
    name = alias_file(dataset_name, CHAMPION)
    return change_alias(store.files, name, change, entry_type=Champion).current


def _rolled_back(history: tuple[Champion, ...]) -> frozenset[str]:
    models: set[str] = set()
    for entry in history:
        if entry.action == "rolled back" and entry.before:
            models.add(entry.before)
        models.discard(entry.model)
    return frozenset(models)


def _entry_before(alias: Alias[Champion] | None, dataset_name: str) -> Champion:
    """Returns the promotion that a rollback goes back to."""
    entries = promotions_in_force(alias.history) if alias else []
    if len(entries) < 2:
        raise ConfigError(
            f"There is nothing to roll back to: '{dataset_name}' has had "
            f"{'one champion' if entries else 'no champion'}. Promote a new model instead."
        )
    return entries[-2]


def _note_on(model: str, dataset_name: str) -> str:
    return (
        f"The model '{model}' was rolled back as champion of '{dataset_name}'. "
        f"`aeflow promote {model} --again` promotes it if it passes the gate."
    )


def _check_passed(verdict: Verdict, store: Store, model: Model) -> None:
    manifest = store.find(verdict.address)
    if manifest is None or manifest.artifact != verdict.to_json():
        raise _promotion_error(f"'{verdict.address}' is not committed in the store {store.url}")
    if not verdict.passed:
        raise _promotion_error(
            f"'{verdict.address}' refuses the model: {' '.join(verdict.reasons)}".rstrip(".")
        )
    if manifest.question.inputs["model"].digest != model.identity or verdict.model != model.key:
        raise _promotion_error(f"'{verdict.address}' is about '{verdict.model}', not '{model.key}'")
    store.reading(verdict, [entry.name for entry in manifest.files])


def _promotion_error(reason: str) -> ConfigError:
    return ConfigError(
        f"Nothing is promoted without a passed verdict: {reason}. Promote a model that has one."
    )


def _model_of(entry: Champion, dataset_name: str, store: Store) -> Model:
    manifest = store.find(f"{Model.folder}/{entry.model}")
    if manifest is None or manifest.digest != entry.identity:
        state = "is no longer in" if manifest is None else "was replaced by another model in"
        raise CorruptArtifact(
            f"The champion '{entry.model}' of '{dataset_name}' {state} the store {store.url}. "
            f"Put the model back, roll back, or delete '{alias_file(dataset_name, CHAMPION)}'."
        )
    return Model.model_validate(manifest.artifact)
