"""The service keeps what it was told: a fresh shell, a second dataset, an edit in the UI."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.running_service import connected_client, new_environment, service_command

CRON = "0 3 * * *"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    settings = new_environment(tmp_path) | {"AEFLOW_DATABASE": "sqlite", "AEFLOW_POOLS": "cpu"}
    yield settings
    service_command("down", settings)


def test_fresh_shell_changes_nothing_and_a_new_section_is_a_deployment(environment):
    home = Path(environment["AEFLOW_HOME"])
    first = service_command("up", {**environment, "AEFLOW_CRON": CRON})
    assert first.returncode == 0, first.stderr
    assert "deployment retrain/digits: new" in first.stdout
    notify = environment["AEFLOW_NOTIFY_URL"]
    assert f"AEFLOW_NOTIFY_URL={notify}" in (home / "secrets").read_text()
    assert notify not in (home / "service.toml").read_text()
    assert service_command("down", environment).returncode == 0

    with (home / "service.toml").open("a") as file:
        file.write('[datasets.second]\nsource = "digits"\ntimezone = "Asia/Tokyo"\n')
    shell = {"AEFLOW_HOME": str(home)}
    again = service_command("up", shell)
    assert again.returncode == 0, again.stderr
    printed = [
        line.strip() for line in again.stdout.splitlines() if ": new" in line or " -> " in line
    ]
    assert printed == ["deployment retrain/second: new"]
    with connected_client(environment, secret_of(home)) as client:
        digits = client.read_deployment_by_name("retrain/digits")
        second = client.read_deployment_by_name("retrain/second")
    assert digits.schedules[0].schedule.cron == CRON
    assert second.schedules[0].schedule.timezone == "Asia/Tokyo"
    assert service_command("down", shell).returncode == 0

    refused = service_command("up", {**shell, "AEFLOW_CRON": "5 5 * * *"})
    assert refused.stderr.splitlines()[0] == (
        f"aeflow: AEFLOW_CRON is '5 5 * * *' in the environment, but '{CRON}' or '15 2 * * *' in "
        f"'{home}/service.toml'. Unset the variable, or change the file."
    )


def secret_of(home: Path) -> str:
    (line,) = [one for one in (home / "secrets").read_text().splitlines() if "AUTH" in one]
    return line.partition("=")[2]
