"""How errors become exit codes and one line."""

import errno

import pytest

from aeflow.errors import (
    AeflowError,
    ConfigError,
    CorruptArtifact,
    IdentityMismatch,
    Interrupted,
    Refused,
    SourceError,
    TransientError,
)
from flows.cli.ending import Terminated, exit_code_of

ENDS = [
    (ConfigError("wrong"), 2, "aeflow: wrong"),
    (SourceError("no rows"), 2, "aeflow: no rows"),
    (IdentityMismatch("two models"), 2, "aeflow: two models"),
    (Refused("worse"), 3, "aeflow: worse"),
    (CorruptArtifact("torn"), 1, "aeflow: torn"),
    (Interrupted("deadline"), 1, "aeflow: deadline"),
    (TransientError("busy"), 1, "aeflow: busy"),
    (AeflowError("two\nlines"), 1, "aeflow: two lines"),
    (
        OSError(errno.ENOSPC, "No space left on device", "/store/x"),
        1,
        "aeflow: No space left on device: '/store/x'. Free some space and run it again.",
    ),
    (TimeoutError("Task run exceeded timeout"), 1, "aeflow: Task run exceeded timeout."),
    (
        KeyboardInterrupt(),
        130,
        "aeflow: Stopped. Run the same command again to go on from there.",
    ),
    (Terminated(), 143, "aeflow: Stopped. Run the same command again to go on from there."),
]


@pytest.mark.parametrize(("error", "code", "line"), ENDS, ids=lambda value: type(value).__name__)
def test_error_is_a_code_and_a_line(error, code, line, capsys):
    assert exit_code_of(error) == code
    assert capsys.readouterr().err == f"{line}\n"


def test_unexpected_error_is_raised_again():
    with pytest.raises(ZeroDivisionError):
        exit_code_of(ZeroDivisionError())
