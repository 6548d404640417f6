"""The instructions of infra/README.md, carried out: back up, restore, rotate the credentials."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import asyncpg
import httpx
import pytest

from aeflow.registry.champions import champion_of
from aeflow.storage import Store
from tests.services.running_service import (
    PLANTED,
    QUICK,
    RunningService,
    connected_client,
    running,
    service_command,
)
from tests.source_code import ROOT

README = (ROOT / "infra" / "README.md").read_text("utf-8")
LENIENT = {**QUICK, "gate": {"max_ratio_to_pca": 100.0}}


@pytest.fixture(scope="module")
def own() -> Iterator[RunningService]:
    """A separate service, because these tests delete its data."""
    with running(AEFLOW_POOLS="control,cpu") as service:
        yield service


def follow(service: RunningService, title: str) -> None:
    """Runs the commands below a title of the page, with the folders and port of this service."""
    commands = re.findall(rf"^\*\*{title}.*?^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
    replacements = {
        ".aeflow": service.home.name,
        "aeflow-store": service.store.name,
        "54320": service.environment["AEFLOW_POSTGRES_PORT"],
        "make ": f"make --silent -C {ROOT} ",
    }
    for default, own_value in replacements.items():
        commands = commands.replace(default, own_value)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", commands],
        cwd=service.home.parent,
        env={**os.environ, **service.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def secrets(service: RunningService) -> dict[str, str]:
    lines = (service.home / "secrets").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_what_was_backed_up_is_there_again_after_all_was_lost(own: RunningService):
    run = own.start("retrain/digits", LENIENT, train_on=None)
    own.wait(run, "Completed")
    champion = champion_of("digits", Store(own.store))
    assert champion
    follow(own, "Back up")

    assert service_command("down", own.environment).returncode == 0
    shutil.rmtree(own.home)
    shutil.rmtree(own.store)
    follow(own, "Restore")

    with connected_client(own.environment, own.auth) as client:
        again = replace(own, client=client)
        assert again.state(run) == "Completed"
        assert again.logs(run)
        assert champion_of("digits", Store(again.store)) == champion
        assert Store(again.store).verify(champion.key) == []
        retrained = again.wait(again.start("retrain/digits", LENIENT, train_on=None), "Completed")
        assert "outcome:unchanged" in retrained.tags


def test_after_rotation_the_old_credentials_are_refused_and_workers_have_the_new(
    own: RunningService,
):
    follow(own, "Rotate")
    new = secrets(own)
    assert new.keys() == {*PLANTED, "AEFLOW_NOTIFY_URL"}
    assert not set(new.values()) & set(PLANTED.values())

    assert [status(own, one) for one in (PLANTED, new)] == [401, 200]
    assert own.ask_database("SELECT 1", new["AEFLOW_POSTGRES_PASSWORD"]) == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        own.ask_database("SELECT 1", PLANTED["AEFLOW_POSTGRES_PASSWORD"])
    with connected_client(own.environment, new["PREFECT_API_AUTH_STRING"]) as client:
        again = replace(own, client=client)
        again.wait(again.start("train-autoencoder/cpu", QUICK), "Completed")


def status(service: RunningService, secret: dict[str, str]) -> int:
    user, _, password = secret["PREFECT_API_AUTH_STRING"].partition(":")
    return httpx.get(f"{service.url}/api/admin/version", auth=(user, password)).status_code
