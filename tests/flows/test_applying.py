"""Deployments are applied to a real server: what a person set there is never lost."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    VariableUpdate,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from aeflow.errors import ConfigError
from deployments.applied import hash_of
from deployments.apply import apply
from infra.settings_file import DatasetSection, read, write, write_first

CRON = "0 3 * * *"
EDITED = CronSchedule(cron="0 22 * * *", timezone="Asia/Tokyo")
GPU = "train-autoencoder/gpu"
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Operator:
    """Does what a person does with a service that has one dataset, each test with its own."""

    client: SyncPrefectClient
    home: Path
    name: str
    shell: pytest.MonkeyPatch

    @property
    def deployment(self) -> DeploymentResponse:
        return self.client.read_deployment_by_name(f"retrain/{self.name}")

    @property
    def file(self) -> Path:
        return self.home / "service.toml"

    def make_up(self) -> None:
        """Does what `make up` does to the file and the deployments."""
        write_first(self.home, self.home.as_posix())
        apply()

    def take_a_fresh_shell(self) -> None:
        for name in ("AEFLOW_SOURCE", "AEFLOW_CRON"):
            self.shell.delenv(name, raising=False)

    def change_the_file(self) -> None:
        settings = read(self.file)
        section = settings.datasets[self.name].model_copy(update={"train_on": GPU})
        datasets = {**settings.datasets, self.name: section}
        write(self.file, settings.model_copy(update={"datasets": datasets}))

    def add_a_dataset(self, name: str) -> None:
        settings = read(self.file)
        datasets = {**settings.datasets, name: DatasetSection(cron="30 1 * * *", fresh="26h")}
        write(self.file, settings.model_copy(update={"datasets": datasets}))

    def edit_the_schedule(self) -> None:
        self._update_schedule(schedule=EDITED)

    def edit_the_parameters(self) -> None:
        parameters = {**self.deployment.parameters, "train_on": None}
        self.client.update_deployment(self.deployment.id, DeploymentUpdate(parameters=parameters))

    def pause(self) -> None:
        self._update_schedule(active=False)
        self.client.pause_deployment(self.deployment.id)

    def forget(self) -> None:
        """Removes the record of what was applied, which earlier versions did not have."""
        self.client.delete_variable_by_name(f"aeflow_applied_{self.deployment.id.hex}")

    def _update_schedule(self, **changes) -> None:
        (schedule,) = self.deployment.schedules
        self.client.update_deployment_schedule(self.deployment.id, schedule.id, **changes)

    def view(self) -> dict[str, object]:
        """Returns what a person can set on the server."""
        found = self.deployment
        return {
            "cron": [one.schedule.cron for one in found.schedules],
            "active": [one.active for one in found.schedules],
            "paused": found.paused,
            "train_on": found.parameters["train_on"],
        }


@pytest.fixture(scope="module", autouse=True)
def _as_before(deployed: str, client: SyncPrefectClient) -> Iterator[None]:
    """Leaves the deployments to other tests as these tests found them."""
    yield
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("AEFLOW_STORE", deployed)
        apply()
        client.resume_deployment(client.read_deployment_by_name("retrain/digits").id)


@pytest.fixture
def operator(client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator before the first `make up`, in a shell that says the source and the schedule."""
    name = f"set-{next(NUMBERS)}"
    monkeypatch.setenv("AEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AEFLOW_SOURCE", f"npz:/data/{name}.npz")
    monkeypatch.setenv("AEFLOW_CRON", CRON)
    return Operator(client, tmp_path, name, monkeypatch)


@pytest.fixture
def up(operator: Operator) -> Operator:
    operator.make_up()
    return operator


SHELL, UP, APPLY = Operator.take_a_fresh_shell, Operator.make_up, lambda _operator: apply()
FILE, EDIT, PAUSE = Operator.change_the_file, Operator.edit_the_schedule, Operator.pause
STOPS = "Changed here and edited on the server"


@pytest.mark.parametrize(
    ("steps", "seen", "stops"),
    [
        ([UP, SHELL, UP], {}, False),
        ([UP, EDIT, APPLY], {"cron": [EDITED.cron]}, False),
        ([UP, EDIT, SHELL, UP], {"cron": [EDITED.cron]}, False),
        ([UP, PAUSE, APPLY], {"paused": True, "active": [False]}, False),
        ([UP, PAUSE, FILE, APPLY], {"paused": True, "active": [False], "train_on": GPU}, False),
        ([UP, FILE, APPLY], {"train_on": GPU}, False),
        ([UP, FILE, SHELL, UP], {"train_on": GPU}, False),
        ([UP, EDIT, FILE, APPLY], {"cron": [EDITED.cron]}, True),
        ([UP, FILE, EDIT, SHELL, UP], {"cron": [EDITED.cron]}, True),
        ([UP, FILE, APPLY, EDIT, APPLY], {"cron": [EDITED.cron], "train_on": GPU}, False),
        (
            [UP, EDIT, PAUSE, SHELL, UP, APPLY],
            {"cron": [EDITED.cron], "paused": True, "active": [False]},
            False,
        ),
        (
            [UP, PAUSE, EDIT, FILE, UP],
            {"cron": [EDITED.cron], "paused": True, "active": [False]},
            True,
        ),
    ],
)
def test_what_a_person_set_is_not_lost(
    operator: Operator,
    steps: list[Callable[[Operator], None]],
    seen: dict[str, object],
    stops: bool,
):
    for step in steps[:-1]:
        step(operator)
    if stops:
        with pytest.raises(ConfigError, match=STOPS):
            steps[-1](operator)
    else:
        steps[-1](operator)
    plain = {"cron": [CRON], "active": [True], "paused": False}
    assert operator.view() == {**plain, "train_on": "train-autoencoder/cpu", **seen}


def test_each_dataset_has_its_deployment_and_its_schedule(up: Operator):
    up.add_a_dataset(f"{up.name}.b")
    apply()
    first, second = up.deployment, up.client.read_deployment_by_name(f"retrain/{up.name}.b")
    assert second.parameters["config"]["ingest"] == {"name": f"{up.name}.b", "source": "digits"}
    assert [one.schedules[0].schedule.cron for one in (first, second)] == [CRON, "30 1 * * *"]
    assert [one.paused for one in (first, second)] == [False, False]


def test_config_file_of_a_dataset_is_relative_to_the_settings(up: Operator):
    (up.home / "mine.toml").write_text("[train]\nepochs = 3\n", "utf-8")
    settings = up.file.read_text("utf-8")
    up.file.write_text(f'{settings}config = "mine.toml"\n', "utf-8")
    apply()
    config = up.deployment.parameters["config"]
    assert (config["train"], config["ingest"]["name"]) == ({"epochs": 3}, up.name)


def test_variable_that_differs_from_the_file_stops(up: Operator, monkeypatch):
    monkeypatch.setenv("AEFLOW_CRON", "5 5 * * *")
    with pytest.raises(ConfigError) as raised:
        apply()
    assert str(raised.value) == (
        f"AEFLOW_CRON is '5 5 * * *' in the environment, but '{CRON}' in '{up.file}'. Unset the "
        "variable, or change the file."
    )


def test_change_is_printed(up: Operator, caplog):
    caplog.set_level("INFO", "deployments.apply")
    up.change_the_file()
    apply()
    start = f"deployment retrain/{up.name}"
    printed = [line for line in caplog.messages if line.startswith(start)]
    assert printed == [f"{start}: parameters.train_on: 'train-autoencoder/cpu' -> '{GPU}'"]


def test_edit_that_stays_is_printed(up: Operator, caplog):
    caplog.set_level("INFO", "deployments.apply")
    up.edit_the_parameters()
    edited = up.deployment
    apply()
    assert up.deployment == edited
    line = f"deployment retrain/{up.name}: keeps what was edited on the server: parameters"
    assert line in caplog.messages


def test_conflict_names_deployment_and_fields_and_changes_nothing(up: Operator):
    up.edit_the_schedule()
    up.change_the_file()
    up.add_a_dataset("never-made")
    with pytest.raises(ConfigError) as raised:
        apply()
    assert str(raised.value) == (
        f"Changed here and edited on the server: retrain/{up.name} (here: parameters; there: "
        "schedules). Undo one of the two, or apply with --overwrite, which undoes the edits on "
        "the server."
    )
    names = {one.name for one in up.client.read_deployments()}
    assert "never-made" not in names


def test_overwriting_undoes_the_edit_but_lifts_no_pause(up: Operator):
    up.edit_the_schedule()
    up.pause()
    up.change_the_file()
    apply(overwrite=True)
    paused = {"active": [False], "paused": True}
    assert up.view() == {"cron": [CRON], "train_on": GPU, **paused}
    apply()


def test_schedule_that_a_person_added_stays(up: Operator):
    added = [DeploymentScheduleCreate(schedule=EDITED, active=True)]
    up.client.create_deployment_schedules(up.deployment.id, added)
    apply()
    assert sorted(one.schedule.cron for one in up.deployment.schedules) == [EDITED.cron, CRON]


def test_new_form_reaches_the_server_and_edits_stay(up: Operator):
    """As after an upgrade: an earlier version of the code has applied another form."""
    up.edit_the_schedule()
    form = {"type": "object", "properties": {}}
    up.client.update_deployment(up.deployment.id, DeploymentUpdate(parameter_openapi_schema=form))
    name = f"aeflow_applied_{up.deployment.id.hex}"
    applied = up.client.read_variable_by_name(name).value
    stored = hash_of(up.deployment.parameter_openapi_schema)
    changed = {**applied, "parameter_openapi_schema": stored}
    up.client.update_variable(VariableUpdate(name=name, value=changed))
    apply()
    assert "config" in up.deployment.parameter_openapi_schema["properties"]
    assert up.view()["cron"] == [EDITED.cron]


def test_deployment_of_an_earlier_version_follows_the_file(up: Operator):
    up.edit_the_schedule()
    up.forget()
    apply()
    assert up.view()["cron"] == [CRON]


def test_deployment_that_is_not_named_any_more_is_paused_once(up: Operator, caplog):
    caplog.set_level("INFO", "deployments.apply")
    flow = up.client.create_flow_from_name("retrain")
    old = up.client.create_deployment(flow, "nightly", tags=["aeflow"])
    own = up.client.create_deployment(flow, "of-a-person", tags=["mine"])
    apply()
    assert "deployment retrain/nightly: not named any more, is paused" in caplog.messages
    paused = {one: up.client.read_deployment(one).paused for one in (old, own)}
    assert paused == {old: True, own: False}
    up.client.resume_deployment(old)
    apply()
    assert not up.client.read_deployment(old).paused
    for one in (old, own):
        up.client.delete_deployment(one)
