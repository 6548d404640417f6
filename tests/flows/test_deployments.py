"""Pools, queues and deployments on a real server: as defined, and created once."""

import json
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient

from aeflow.errors import ConfigError
from deployments.apply import apply
from deployments.pools import POOLS, template_of

NAMES = {
    "encode-dataset/encode-once": ("cpu", "batch"),
    "measure-drift/drift-check": ("cpu", "batch"),
    "pipeline/on-demand": ("control", "now"),
    "promote/by-hand": ("control", "now"),
    "retrain/digits": ("control", "nightly"),
    "train-autoencoder/cpu": ("cpu", "training"),
    "train-autoencoder/gpu": ("gpu", "training"),
    "tune/search": ("cpu", "batch"),
}


def read(client: SyncPrefectClient, path: str) -> Any:
    return client.request("POST", path, json={}).json()


def everything(client: SyncPrefectClient) -> dict[str, Any]:
    """Returns all that the server stores of us, without the times of writing."""
    pools = read(client, "/work_pools/filter")
    known = {
        "pools": pools,
        "queues": [read(client, f"/work_pools/{pool['name']}/queues/filter") for pool in pools],
        "deployments": read(client, "/deployments/filter"),
    }
    times = {"updated", "last_polled"}
    return json.loads(
        json.dumps(known),
        object_hook=lambda found: {k: v for k, v in found.items() if k not in times},
    )


def test_every_deployment_has_its_pool_and_queue(deployed: str, client: SyncPrefectClient):
    found = {name: client.read_deployment_by_name(name) for name in NAMES}
    places = {n: (d.work_pool_name, d.work_queue_name) for n, d in found.items()}
    assert places == NAMES


def test_store_is_that_of_the_environment(deployed: str, client: SyncPrefectClient):
    stores = {client.read_deployment_by_name(name).parameters["store"] for name in NAMES}
    assert stores == {deployed}


def test_retraining_has_its_schedule_and_never_overlaps(deployed: str, client: SyncPrefectClient):
    nightly = client.read_deployment_by_name("retrain/digits")
    (schedule,) = nightly.schedules
    assert schedule.active
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("15 2 * * *", "UTC")
    assert nightly.parameters["train_on"] == "train-autoencoder/cpu"
    assert nightly.global_concurrency_limit.limit == 1
    assert nightly.concurrency_options.collision_strategy == "CANCEL_NEW"


def test_nothing_is_pulled(deployed: str, client: SyncPrefectClient):
    assert [client.read_deployment_by_name(name).pull_steps for name in NAMES] == [[]] * len(NAMES)


def test_pools_have_their_limits_and_queues_their_order(deployed: str, client: SyncPrefectClient):
    for pool in POOLS:
        assert client.read_work_pool(pool.name).concurrency_limit == pool.concurrency_limit
        queues = read(client, f"/work_pools/{pool.name}/queues/filter")
        first = sorted(queues, key=lambda queue: queue["priority"])[: len(pool.queues)]
        assert [queue["name"] for queue in first] == list(pool.queues)


def test_applying_twice_changes_nothing(deployed: str, client, monkeypatch, caplog):
    monkeypatch.setenv("AEFLOW_STORE", deployed)
    caplog.set_level("INFO", "deployments.apply")
    before = everything(client)
    apply()
    assert everything(client) == before
    assert "work pools: nothing to change" in caplog.messages
    assert "automations: nothing to change" in caplog.messages


def test_limit_of_the_environment_is_deployed(deployed: str, client, monkeypatch):
    monkeypatch.setenv("AEFLOW_STORE", deployed)
    monkeypatch.setenv("AEFLOW_GPU_LIMIT", "3")
    apply()
    assert client.read_work_pool("gpu").concurrency_limit == 3


@pytest.mark.parametrize("limit", ["0", "many", "-1", ""])
def test_invalid_limit_is_refused(limit: str, monkeypatch):
    monkeypatch.setenv("AEFLOW_GPU_LIMIT", limit)
    with pytest.raises(ConfigError, match=f"AEFLOW_GPU_LIMIT = '{limit}'"):
        _ = POOLS[2].limit


def test_without_a_store_nothing_is_deployed(monkeypatch):
    monkeypatch.delenv("AEFLOW_STORE", raising=False)
    with pytest.raises(ConfigError, match="AEFLOW_STORE is not set"):
        apply()


def test_template_names_the_type_of_its_pool(tmp_path):
    (tmp_path / "gpu.kubernetes.json").write_text('{"variables": {}}')
    assert template_of(POOLS[2], tmp_path).type == "kubernetes"
    assert template_of(POOLS[0], tmp_path).type == "process"


def is_bounded(field: dict[str, Any]) -> bool:
    return bool({"minimum", "exclusiveMinimum"} & field.keys()) and bool(
        {"maximum", "exclusiveMaximum"} & field.keys()
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_the_form_is_described(deployed: str, client, name: str):
    schema = client.read_deployment_by_name(name).parameter_openapi_schema
    fields = dict(schema["properties"])
    for section, definition in schema.get("definitions", {}).items():
        fields |= {f"{section}.{n}": field for n, field in definition["properties"].items()}
    assert [n for n, field in fields.items() if not field.get("description")] == []


def test_numbers_of_the_form_have_bounds(deployed: str, client: SyncPrefectClient):
    schema = client.read_deployment_by_name("pipeline/on-demand").parameter_openapi_schema
    unbounded = [
        f"{section}.{name}"
        for section, definition in schema["definitions"].items()
        for name, field in definition["properties"].items()
        for choice in field.get("anyOf", [field])
        if choice.get("type") in ("integer", "number") and not is_bounded(choice)
    ]
    assert unbounded == []


def test_latent_size_of_the_form_has_its_bounds(deployed: str, client: SyncPrefectClient):
    schema = client.read_deployment_by_name("pipeline/on-demand").parameter_openapi_schema
    latent = schema["definitions"]["ModelConfig"]["properties"]["latent_dim"]
    assert (latent["minimum"], latent["maximum"], latent["default"]) == (1, 65536, 32)
