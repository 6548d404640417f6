"""One whole run from the command line."""

import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from flows.cli import main

RUN = ["run", "--direct", "--json", "--preset", "quick", "--epochs", "3"]


@dataclass(frozen=True)
class Whole:
    """A store, what was printed, and the JSON in its last line."""

    store: str
    lines: list[str]
    json: dict[str, Any]


def whole_run(store: str, *more: str) -> Whole:
    printed = StringIO()
    with redirect_stdout(printed):
        assert main([*RUN, "--store", store, *more]) == 0
    lines = printed.getvalue().splitlines()
    return Whole(store, lines, json.loads(lines[-1]))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole_run(str(tmp_path_factory.mktemp("cli") / "store"))
