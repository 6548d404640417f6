"""Prefect's environment: set if the user has not set it, and quiet on the terminal."""

import os
import subprocess
import sys

PROGRAM = """
import os, sys
from flows.settings import quiet_terminal
with quiet_terminal():
    os.write(2, b"native\\n")
    print("ours", file=sys.stderr)
print("after", file=sys.stderr)
"""


def stderr_of(**environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, capture_output=True, text=True, env=inherited | environment, check=True
    )
    return done.stderr


def test_native_chatter_is_turned_away_and_ours_is_not():
    assert stderr_of() == "ours\nafter\n"


def test_native_chatter_is_there_for_those_who_ask():
    assert stderr_of(TF_CPP_MIN_LOG_LEVEL="0") == "native\nours\nafter\n"


def test_environment_of_the_user_wins():
    program = "import flows, os; print(os.environ['PREFECT_RESULTS_DEFAULT_SERIALIZER'])"
    environment = os.environ | {"PREFECT_RESULTS_DEFAULT_SERIALIZER": "pickle"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "pickle\n"
