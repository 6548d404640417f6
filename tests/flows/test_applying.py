"""Deployments are applied to a real server: what a person set there is never lost."""

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    VariableUpdate,
)
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from aeflow.errors import ConfigError
from deployments.applied import hash_of
from deployments.apply import apply

NIGHTLY = "retrain/nightly"
TEN = CronSchedule(cron="0 22 * * *", timezone="Asia/Tokyo")


@pytest.fixture(autouse=True)
def _as_defined(deployed: str, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch):
    """Ends each test with the deployments as they are defined."""
    monkeypatch.setenv("AEFLOW_STORE", deployed)
    yield
    for name in ("AEFLOW_SOURCE", "AEFLOW_CRON", "AEFLOW_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    forget(client)
    apply()


@pytest.fixture
def nightly(client: SyncPrefectClient):
    def read() -> DeploymentResponse:
        return client.read_deployment_by_name(NIGHTLY)

    yield read
    client.resume_deployment(read().id)
    client.update_deployment_schedule(read().id, schedule_of(read()).id, active=True)


def forget(client: SyncPrefectClient) -> None:
    """Removes the record of what was applied, so that the definitions win."""
    nightly = client.read_deployment_by_name(NIGHTLY)
    client.delete_variable_by_name(f"aeflow_applied_{nightly.id.hex}")


def schedule_of(deployment: DeploymentResponse) -> DeploymentSchedule:
    (schedule,) = deployment.schedules
    return schedule


def edit_schedule(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    client.update_deployment_schedule(deployment.id, schedule_of(deployment).id, schedule=TEN)


def edit_parameters(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    parameters = {**deployment.parameters, "train_on": "train-autoencoder/gpu"}
    client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))


@pytest.mark.parametrize("edit", [edit_schedule, edit_parameters])
def test_edit_on_the_server_stays_and_is_told(edit, nightly, client, caplog):
    caplog.set_level("INFO", "deployments.apply")
    edit(client, nightly())
    edited = nightly()
    apply()
    apply()
    assert nightly() == edited
    field = "schedules" if edit is edit_schedule else "parameters"
    kept = f"deployment {NIGHTLY}: keeps what was edited on the server: {field}"
    assert caplog.messages.count(kept) == 2


def test_change_here_reaches_the_server_and_is_printed(nightly, monkeypatch, caplog):
    caplog.set_level("INFO", "deployments.apply")
    monkeypatch.setenv("AEFLOW_CRON", "0 3 * * *")
    apply()
    assert schedule_of(nightly()).schedule.cron == "0 3 * * *"
    path = "schedules.0.schedule.cron"
    line = f"deployment {NIGHTLY}: {path}: '15 2 * * *' -> '0 3 * * *'"
    assert [one for one in caplog.messages if one.startswith("deployment ")] == [line]


@pytest.mark.parametrize("edit", [edit_schedule, edit_parameters])
def test_change_here_and_edit_there_stop_before_anything_changes(
    edit, nightly, client, monkeypatch
):
    edit(client, nightly())
    edited = nightly()
    monkeypatch.setenv("AEFLOW_SOURCE", "npz:/data/other.npz")
    field = "schedules" if edit is edit_schedule else "parameters"
    with pytest.raises(ConfigError) as raised:
        apply()
    assert str(raised.value) == (
        f"Changed here and edited on the server: {NIGHTLY} (here: parameters; there: {field}). "
        "Undo one of the two, or apply with --overwrite, which undoes the edits on the server."
    )
    assert nightly() == edited
    pipeline = client.read_deployment_by_name("pipeline/on-demand")
    assert pipeline.parameters["config"] == {"ingest": {"source": "digits"}}


def test_overwriting_undoes_the_edit(nightly, client, monkeypatch):
    edit_schedule(client, nightly())
    monkeypatch.setenv("AEFLOW_SOURCE", "npz:/data/other.npz")
    apply(overwrite=True)
    assert schedule_of(nightly()).schedule.cron == "15 2 * * *"
    assert nightly().parameters["config"]["ingest"]["source"] == "npz:/data/other.npz"
    apply()


def test_same_change_on_both_sides_is_no_conflict(nightly, client, monkeypatch):
    edit_schedule(client, nightly())
    monkeypatch.setenv("AEFLOW_CRON", TEN.cron)
    monkeypatch.setenv("AEFLOW_TIMEZONE", str(TEN.timezone))
    apply()
    assert schedule_of(nightly()).schedule == TEN


@pytest.mark.parametrize("overwrite", [False, True])
def test_pause_is_never_lifted(overwrite: bool, nightly, client, monkeypatch, caplog):
    caplog.set_level("INFO", "deployments.apply")
    client.pause_deployment(nightly().id)
    client.update_deployment_schedule(nightly().id, schedule_of(nightly()).id, active=False)
    apply(overwrite=overwrite)
    monkeypatch.setenv("AEFLOW_CRON", "0 4 * * *")
    apply(overwrite=overwrite)
    assert schedule_of(nightly()).schedule.cron == "0 4 * * *"
    assert (nightly().paused, schedule_of(nightly()).active) == (True, False)
    assert f"deployment {NIGHTLY}: stays paused" in caplog.messages


def test_schedule_that_a_person_added_stays(nightly, client):
    added = [DeploymentScheduleCreate(schedule=TEN, active=True)]
    (schedule,) = client.create_deployment_schedules(nightly().id, added)
    apply()
    assert len(nightly().schedules) == 2
    client.delete_deployment_schedule(nightly().id, schedule.id)


def test_new_form_reaches_the_server_and_edits_stay(nightly, client):
    """As after an upgrade: an earlier version of the code has applied another form."""
    edit_schedule(client, nightly())
    form = {"type": "object", "properties": {}}
    client.update_deployment(nightly().id, DeploymentUpdate(parameter_openapi_schema=form))
    name = f"aeflow_applied_{nightly().id.hex}"
    applied = client.read_variable_by_name(name).value
    stored = hash_of(nightly().parameter_openapi_schema)
    changed = {**applied, "parameter_openapi_schema": stored}
    client.update_variable(VariableUpdate(name=name, value=changed))
    apply()
    assert "config" in nightly().parameter_openapi_schema["properties"]
    assert schedule_of(nightly()).schedule == TEN


def test_deployment_of_an_earlier_version_follows_the_file(nightly, client):
    edit_schedule(client, nightly())
    forget(client)
    apply()
    assert schedule_of(nightly()).schedule.cron == "15 2 * * *"


def test_deployment_that_is_not_named_any_more_is_paused_once(client, caplog):
    caplog.set_level("INFO", "deployments.apply")
    flow = client.create_flow_from_name("retrain")
    old = client.create_deployment(flow, "of-before", tags=["aeflow"])
    own = client.create_deployment(flow, "of-a-person", tags=["mine"])
    apply()
    assert "deployment retrain/of-before: not named any more, is paused" in caplog.messages
    paused = {one: client.read_deployment(one).paused for one in (old, own)}
    assert paused == {old: True, own: False}
    client.resume_deployment(old)
    apply()
    assert not client.read_deployment(old).paused
    for one in (old, own):
        client.delete_deployment(one)
