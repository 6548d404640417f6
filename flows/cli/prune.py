"""`aeflow prune`: the removal of artifacts that nothing needs any more."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from cyclopts import Parameter

from aeflow.registry.retention import MIN_AGE_SECONDS, Item, Plan, carry_out, plan_prune
from aeflow.storage import Store
from flows.cli.options import JsonOption, StoreOption

__all__ = ["prune"]


def prune(
    *,
    keep_last: Annotated[
        int, Parameter(help="Number of models, and of datasets, to keep for each dataset name.")
    ],
    dry_run: Annotated[
        bool, Parameter(negative="", help="List what would be removed, and remove nothing.")
    ] = False,
    min_age_minutes: Annotated[
        float,
        Parameter(help="Keep what was made, found or read within this many minutes; at least 10."),
    ] = MIN_AGE_SECONDS / 60,
    store: StoreOption = "./aeflow-store",
    json: JsonOption = False,
) -> None:
    """Removes all models and datasets but the newest, and what was made from the removed ones.

    Prune keeps champions, the models that a rollback can return to, the newest features, what
    active runs use, and everything that these were made from. Prune also removes unfinished work
    without an active run, and the logs of removed models.
    """
    opened = Store(store)
    plan = plan_prune(opened, keep_last=keep_last, min_age_seconds=60 * min_age_minutes)
    minutes = plan.min_age_seconds / 60
    if minutes > min_age_minutes:
        print(
            f"--min-age-minutes is {minutes:g} instead of {min_age_minutes:g}, because the use of "
            "an artifact is recorded only once in five minutes."
        )
    items = _print_items(plan.items if dry_run else carry_out(plan, opened))
    size = sum(item.size for item in items)
    verb = "would be removed" if dry_run else "removed"
    print(f"{len(items)} folders, {size:,} bytes {verb}." if items else "Nothing to remove.")
    if plan.in_use:
        print(
            f"These folders are kept, because a run uses them or they were used within the last "
            f"{minutes:g} minutes: "
            f"{', '.join(plan.in_use)}."
        )
    if json:
        print(_json_of(items, plan, dry_run=dry_run))


def _print_items(items: Iterable[Item]) -> list[Item]:
    """Prints each item as soon as `items` yields it, so that a stopped command has printed it."""
    printed_items = []
    for item in items:
        print(f"{item.address:<50}  {item.why:<10}  {item.size:>15,} bytes")
        printed_items.append(item)
    return printed_items


def _json_of(items: list[Item], plan: Plan, *, dry_run: bool) -> str:
    report: dict[str, Any] = {
        "dry_run": dry_run,
        "removed": [item.model_dump() for item in items],
        "bytes": sum(item.size for item in items),
        "in_use": plan.in_use,
    }
    return json.dumps(report)
