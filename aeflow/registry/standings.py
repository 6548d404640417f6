"""Standings: how the last night of each dataset went, how old its features are, and what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from pydantic import BaseModel, ConfigDict

from aeflow.configs.retrain import age_limit
from aeflow.registry.champions import Champion, champions, history_of
from aeflow.registry.features_address import names_with_features, newest_features
from aeflow.registry.nights import Ending, Night, names_with_nights, newest_nights
from aeflow.storage import Store

__all__ = ["Standing", "standing_of", "standings_in"]

READ = 14
"""Nights that are searched for one with features. Older features have the age of their address."""


class Standing(BaseModel):
    """Describes a dataset after its last night. What is not known is None.

    `features_age` is in seconds. It is counted from the end of the last night that encoded the
    dataset. `mse_ratio` is the error of the champion divided by that of PCA. `todo` is empty if
    there is nothing to do.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    outcome: Ending | None
    when: datetime | None
    reason: str | None
    features_age: float | None
    fresh: str | None
    is_overdue: bool
    champion: str | None
    mse_ratio: float | None
    drifted: bool | None
    next_run: datetime | None = None
    needs_person: bool
    todo: str


def standings_in(store: Store) -> Iterator[Standing]:
    """Yields the standing of each dataset that has a night, a champion or a features address."""
    names = {*names_with_nights(store), *champions(store), *names_with_features(store)}
    return (standing_of(name, store) for name in sorted(names))


def standing_of(dataset_name: str, store: Store) -> Standing:
    """Returns the standing of a dataset name."""
    nights = list(_needed(newest_nights(dataset_name, store)))
    history = history_of(dataset_name, store)
    last, champion = (nights[0] if nights else None), (history[-1] if history else None)
    age = _age_of_features(nights, dataset_name, store)
    is_overdue = _is_overdue(last, age)
    ratios = (n.mse_ratio for n in nights if champion and n.champion == champion.model)
    alarm = _alarm(last, champion, is_overdue=is_overdue)
    return Standing(
        dataset=dataset_name,
        outcome=last.outcome if last else None,
        when=last.when if last else None,
        reason=last.reason if last else None,
        features_age=age,
        fresh=last.fresh if last else None,
        is_overdue=is_overdue,
        champion=champion.model if champion else None,
        mse_ratio=next((ratio for ratio in ratios if ratio is not None), None),
        drifted=last.drifted if last else None,
        needs_person=bool(alarm),
        todo=alarm or _wish(last),
    )


def _needed(nights: Iterator[Night]) -> Iterator[Night]:
    """Yields nights, the newest first, until one has features."""
    for night in islice(nights, READ):
        yield night
        if night.features:
            return


def _age_of_features(nights: list[Night], dataset_name: str, store: Store) -> float | None:
    """Returns the seconds since features were made; by their address if no night made them."""
    made = next((night.when for night in nights if night.features), None)
    if made is None:
        newest = newest_features(dataset_name, store)
        made = newest.when if newest else None
    return (datetime.now(UTC) - made).total_seconds() if made else None


def _is_overdue(last: Night | None, age: float | None) -> bool:
    """Returns whether the features are older than promised, or promised and not there."""
    if last is None or last.fresh is None:
        return False
    return age is None or age > age_limit(last.fresh).total_seconds()


def _alarm(last: Night | None, champion: Champion | None, *, is_overdue: bool) -> str:
    """Returns what a person should do about the last night, or "" if it needs nobody.

    A change of the champion after the night answers what the night left open.
    """
    if last is None:
        return ""
    is_open = champion is None or champion.when <= last.when
    outcome, read_why = last.outcome, f"aeflow status {last.dataset}"
    alarms = {
        f"Read why: {read_why}": outcome == "failed" or (is_open and outcome == "refused"),
        f"Look at the drift, then: aeflow promote {last.challenger}": is_open and outcome == "held",
        "See why no night ran, then: aeflow retrain ...": is_overdue,
        f"Look at the drift: {read_why}": is_open and last.drifted and outcome == "unchanged",
    }
    return next((text for text, applies in alarms.items() if applies), "")


def _wish(last: Night | None) -> str:
    """Returns what may be done if nothing needs a person, or "" if there is nothing to do."""
    if last is None:
        return "Run the first night: aeflow retrain ..."
    return "Run it again: aeflow retrain ..." if last.outcome == "cancelled" else ""
