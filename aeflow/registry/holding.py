"""Held challengers: models that passed the gate, and wait for a person because new rows drifted."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from aeflow.artifacts import Model, Verdict
from aeflow.registry.champions import history_of
from aeflow.storage import Store
from aeflow.storage.aliases import Alias, alias_file, alias_owners, change_alias, read_alias

__all__ = ["Held", "held_addresses", "held_of", "hold", "promotion_note"]

HELD = "held"


class Held(BaseModel):
    """Records that a model was held: its verdict, the champion at that time, and the run."""

    model_config = ConfigDict(frozen=True)

    model: str
    verdict: str
    champion: str | None
    run: str
    when: datetime


def hold(verdict: Verdict, store: Store, *, run: str = "") -> Held:
    """Records that the model of a verdict waits for a person, in `aliases/<dataset>/held.json`.

    If the same model is held against the same champion already, that record is returned.
    """

    def change(alias: Alias[Held] | None) -> Held:
        before = alias.current if alias else None
        if before and (before.model, before.champion) == (verdict.model, verdict.champion):
            return before
        return Held(
            model=verdict.model,
            verdict=verdict.key,
            champion=verdict.champion,
            run=run,
            when=datetime.now(UTC),
        )

    name = alias_file(verdict.dataset_name, HELD)
    return change_alias(store.files, name, change, entry_type=Held).current


def held_of(dataset_name: str, store: Store) -> Held | None:
    """Returns the model that is held for a dataset name; None if the champion has changed since."""
    alias = read_alias(store.files, alias_file(dataset_name, HELD), Held)
    history = history_of(dataset_name, store)
    champion = history[-1].model if history else None
    return alias.current if alias and alias.current.champion == champion else None


def held_addresses(store: Store) -> set[str]:
    """Returns the addresses of the models that are held, and of their verdicts."""
    entries = [held_of(name, store) for name in alias_owners(store.files, HELD)]
    return {
        address
        for entry in entries
        if entry
        for address in (f"{Model.folder}/{entry.model}", f"{Verdict.folder}/{entry.verdict}")
    }


def promotion_note(model: str) -> str:
    """Returns how a person promotes a model that is held."""
    return (
        f"Promote it with `aeflow promote {model} --reason ...`, or with the deployment "
        f"promote/by-hand and model = {model}."
    )
