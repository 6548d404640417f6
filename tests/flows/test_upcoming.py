"""The next scheduled retraining of each dataset, asked of a real server."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Scheduled

from aeflow.registry.nights import Night, record_night
from aeflow.storage import Store
from flows.cli import main
from flows.retrain import retrain
from flows.server.upcoming import next_runs

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)


@pytest.fixture(scope="module")
def scheduled(client: SyncPrefectClient, tmp_path_factory) -> Store:
    """A store whose datasets are retrained by two deployments, each with two scheduled runs."""
    store = Store(tmp_path_factory.mktemp("upcoming"))
    flow_id = client.create_flow(retrain)
    for name, hours in (("first", 0), ("second", 1)):
        parameters = {"config": {"ingest": {"name": name}}, "store": store.url}
        deployment = client.create_deployment(flow_id, name=name, parameters=parameters)
        for later in (24, 0):
            when = SOON + timedelta(hours=hours + later)
            client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=when))
    return store


def test_next_run_of_each_dataset_is_the_earliest_of_its_store(scheduled: Store, tmp_path):
    assert next_runs(scheduled.url) == {"first": SOON, "second": SOON + timedelta(hours=1)}
    assert next_runs(str(tmp_path)) == {}


def test_status_shows_the_next_run(scheduled: Store, capsys):
    night = {"outcome": "promoted", "reason": "It is better.", "seconds": 1.0}
    record_night(Night(dataset="first", when=datetime.now(UTC), **night), scheduled)
    assert main(["status", "--json", "--store", scheduled.url]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(row["next_run"]) == SOON
    assert main(["status", "--store", scheduled.url]) == 0
    printed = capsys.readouterr().out
    assert f"{SOON.astimezone():%d %b}" in printed
    assert "Nothing needs a person." in printed
    assert "not known" not in printed
