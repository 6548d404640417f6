"""The systemd units: the programs that they start, their rights, and how they are stopped."""

import importlib.util
import re

import pytest

from infra.supervisor import RUN_SECONDS
from tests.infra.environments import INFRA, common, make_up_environment

UNITS = sorted((INFRA / "systemd").glob("*.service"))


def settings(path) -> dict[str, str]:
    """Returns the settings of a unit; the values of a repeated setting are joined by spaces."""
    values: dict[str, str] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text("utf-8"), re.MULTILINE):
        values[name] = f"{values.get(name, '')} {value}".strip()
    return values


def test_units_are_two():
    assert [path.name for path in UNITS] == ["aeflow-worker@.service", "aeflow.service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_starts_what_there_is_as_a_user_without_rights(path):
    unit = settings(path)
    module = unit["ExecStart"].split()[2]
    assert importlib.util.find_spec(module)
    assert unit["User"] == "aeflow"
    assert (unit["NoNewPrivileges"], unit["ProtectSystem"]) == ("yes", "strict")
    assert unit["CapabilityBoundingSet"] == ""
    assert not re.search(r"AUTH_STRING=|PASSWORD", path.read_text("utf-8"))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_lets_runs_put_their_work_into_safety(path):
    unit = settings(path)
    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) > RUN_SECONDS + 10
    assert unit["OOMPolicy"] == "continue"


def test_worker_has_the_environment_of_make_up():
    assignments = settings(INFRA / "systemd" / "aeflow-worker@.service")["Environment"].split()
    environment = common(dict(pair.split("=", 1) for pair in assignments))
    expected = make_up_environment("worker-cpu")
    assert {name: environment.get(name) for name in expected} == expected
