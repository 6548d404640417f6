"""Listings of a store: a table for people, or one line of JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

__all__ = ["new_table", "print_listing", "print_uncut"]

WIDE = 200
"""Width in characters of a table in a file or a pipe, so that no cell is cut off."""


def new_table(*, words: Iterable[str], numbers: Iterable[str]) -> Table:
    """Returns a table with columns for words, then numbers, then a time and a note.

    Words are never wrapped.
    """
    table = Table(box=box.SIMPLE)
    for title in words:
        table.add_column(title, no_wrap=True)
    for title in numbers:
        table.add_column(title, justify="right")
    table.add_column("created (UTC)")
    table.add_column("")
    return table


def print_uncut(content: Table | Tree) -> None:
    """Prints a table or a tree, and wraps what is too wide instead of cutting it off.

    A line has the width of the terminal, or `WIDE` characters in a file or a pipe.
    """
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDE).print(content)


def print_listing(rows: Sequence[BaseModel], table: Table, *, as_json: bool, nothing: str) -> None:
    """Prints rows as JSON or as a table, or the sentence `nothing` instead of an empty table."""
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows]))
    elif rows:
        print_uncut(table)
    else:
        print(nothing)
