"""`aeflow status`: how last night went for each dataset of a store, and what needs a person."""

import json as json_format
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Column, Table

from aeflow.errors import AeflowError, ConfigError
from aeflow.registry.nights import Night, nights_of
from aeflow.registry.standings import Standing, standing_of, standings_in
from aeflow.storage import Store
from flows import settings
from flows.cli.listing import print_uncut
from flows.cli.options import JsonOption, StoreOption

__all__ = ["status"]

NEEDS_PERSON = 4
LAST = 14
PADDING = (0, 1, 0, 0)
HOUR, DAY = 3600.0, 86_400.0


def status(
    name: Annotated[
        str | None, Parameter(help="Name of a dataset, to see its last 14 nights with reasons.")
    ] = None,
    *,
    store: StoreOption = "./aeflow-store",
    json: JsonOption = False,
) -> int:
    """Shows for each dataset how its last night went, and what to do.

    The exit code is 4 if something needs a person: a last night that failed, was refused or is
    held, features that are older than promised, or drift that nobody answered.
    """
    opened = Store(store)
    if name is not None:
        return _print_nights(name, opened, as_json=json)
    rows = list(standings_in(opened))
    next_runs, note = _next_runs(opened.url) if rows else ({}, "")
    rows = [row.model_copy(update={"next_run": next_runs.get(row.dataset)}) for row in rows]
    if json:
        print(json_format.dumps([row.model_dump(mode="json") for row in rows]))
    elif rows:
        print_uncut(_table_of(rows, has_next_runs=not note))
        todos = [f"{row.dataset}: {row.todo}" for row in rows if row.todo]
        _print_words([note, *(todos or ["Nothing needs a person."])])
    else:
        print(f"There are no nights in the store {opened.url}. `aeflow retrain` makes the first.")
    return _exit_code(rows)


def _print_nights(name: str, store: Store, *, as_json: bool) -> int:
    standing, (nights, damaged) = standing_of(name, store), nights_of(name, store)
    if not nights:
        known = ", ".join(row.dataset for row in standings_in(store))
        raise ConfigError(
            f"The dataset '{name}' has no nights in the store {store.url}. "
            + (f"These datasets are known: {known}." if known else "Run `aeflow retrain` first.")
        )
    newest_first = nights[: -LAST - 1 : -1]
    if as_json:
        print(json_format.dumps([night.model_dump(mode="json") for night in newest_first]))
    else:
        print_uncut(_table_of_nights(newest_first))
        lines = [f"{_time(night.when)}  {night.outcome}: {night.reason}" for night in newest_first]
        todo = _todo_after_reading(newest_first[0]) if standing.needs_person else ""
        _print_words([*lines, _damage(damaged), todo or standing.todo])
    return _exit_code([standing])


def _todo_after_reading(night: Night) -> str:
    """Returns what to do once the reason of a night was read, or "" if that says it already."""
    match night.outcome:
        case "failed":
            return "Correct the cause, then: aeflow retrain ..."
        case "refused":
            command = f"aeflow promote {night.challenger} --config FILE"
            return f"To promote it all the same, relax the gate in a file: {command}"
        case "unchanged" if night.drifted:
            return 'To train on these rows: aeflow retrain ..., with train_when = "always"'
    return ""


def _damage(count: int) -> str:
    if count == 0:
        return ""
    return f"{count} damaged line{'s were' if count > 1 else ' was'} left out."


def _exit_code(rows: Iterable[Standing]) -> int:
    return NEEDS_PERSON if any(row.needs_person for row in rows) else 0


def _next_runs(store: str) -> tuple[dict[str, datetime], str]:
    """Returns the next run of each dataset, and a sentence on why they are not known, or ""."""
    try:
        with settings.quiet_terminal(), settings.importing_prefect():
            from prefect.settings import PREFECT_API_URL

            from flows.cli.unanswered import check_profile, check_url, server_error
            from flows.server.cancelling import SERVER_TROUBLE
            from flows.server.upcoming import next_runs
        check_profile()
        url = PREFECT_API_URL.value()
        if not url:
            return {}, "The next runs are not known: PREFECT_API_URL names no Prefect server."
        check_url(url)
        try:
            return next_runs(store), ""
        except (*SERVER_TROUBLE, ValueError) as error:
            raise server_error(url, error) from error
    except AeflowError as error:
        return {}, f"The next runs are not known: {str(error).partition('. ')[0]}."


def _table_of(rows: list[Standing], *, has_next_runs: bool) -> Table:
    titles = ["last night", "features", "champion", "of PCA's\nerror", "drift", "next run"]
    table = Table(Column("dataset", overflow="fold"), box=box.SIMPLE, padding=PADDING)
    _add_columns(table, titles if has_next_runs else titles[:-1])
    for row in rows:
        cells = [
            f"{_time(row.when)}\n{row.outcome or ''}" if row.when else "none yet",
            _age(row),
            row.champion[:8] if row.champion else "–",
            _percent(row.mse_ratio),
            _yes_or_no(row.drifted),
            _time(row.next_run, between="\n"),
        ]
        table.add_row(row.dataset, *cells[: len(table.columns) - 1])
    return table


def _table_of_nights(nights: list[Night]) -> Table:
    table = Table(box=box.SIMPLE, padding=PADDING)
    titles = [
        "night",
        "of PCA's\nerror",
        "on fixed\nrows",
        "drift",
        "rows",
        "new",
        "bad",
        "seconds",
    ]
    _add_columns(table, titles)
    for night in nights:
        table.add_row(
            f"{_time(night.when)}\n{night.outcome}",
            _percent(night.mse_ratio),
            _percent(night.fixed_mse_ratio),
            _yes_or_no(night.drifted),
            *map(_count, (night.rows, night.new_rows, night.refused_rows)),
            f"{night.seconds:,.0f}",
        )
    return table


def _add_columns(table: Table, titles: Iterable[str]) -> None:
    """Adds columns whose cells are never wrapped or cut; only the first may hold words."""
    for title in titles:
        is_number = title not in ("last night", "night", "next run")
        table.add_column(title, justify="right" if is_number else "left", no_wrap=True)


def _print_words(lines: Iterable[str]) -> None:
    """Prints lines that are not empty. On a terminal they wrap between words."""
    console = Console(highlight=False, markup=False, emoji=False)
    for line in filter(None, lines):
        console.print(line, soft_wrap=not sys.stdout.isatty())


def _time(when: datetime | None, *, between: str = " ") -> str:
    """Returns a time in the zone of this machine, such as `28 Nov 02:15 CET`."""
    return f"{when.astimezone():%d %b{between}%H:%M %Z}" if when else "–"


def _age(row: Standing) -> str:
    """Returns the age of the features, and below it the age that is promised."""
    if row.features_age is None:
        age = "none"
    elif row.features_age < HOUR:
        age = f"{row.features_age / 60:.0f} min"
    else:
        is_long = row.features_age >= 3 * DAY
        age = f"{row.features_age / DAY:.0f} d" if is_long else f"{row.features_age / HOUR:.0f} h"
    return f"{age}\nof {row.fresh}" if row.fresh else age


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{100 * ratio:,.0f} %"


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _yes_or_no(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"
