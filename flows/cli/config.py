"""`aeflow config`: every option with its default, bounds and description."""

from typing import Annotated

from cyclopts import Parameter

from aeflow.configs.reference import as_markdown, as_toml

__all__ = ["config"]


def config(
    *,
    markdown: Annotated[
        bool, Parameter(negative="", help="Print Markdown, the page docs/reference.md.")
    ] = False,
) -> None:
    """Prints all defaults as a TOML file with comments, to be edited and given as --config."""
    print(as_markdown() if markdown else as_toml(), end="")
