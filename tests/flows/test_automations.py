"""Automations on a real server: as they are written, not twice, and no loop of retraining."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent
from sklearn.datasets import load_digits

from aeflow.configs import IngestConfig, ModelConfig, PipelineConfig, RetrainConfig, TrainConfig
from aeflow.errors import ConfigError
from aeflow.storage import Store
from deployments.automations import apply_automations, automations
from deployments.notifications import address
from flows.outcome import Watched
from flows.retrain import retrain
from flows.single_stages import measure_drift

TOKEN = "planted-token"
URL = f"http://127.0.0.1:9/hooks/{TOKEN}"
SILENT = "aeflow: a silent run crashed"
DRIFT = "aeflow: drift starts a retraining"
TOLD = "aeflow: a failure is told"


def apply(url: str | None = None) -> list[str]:
    async def applied() -> list[str]:
        async with get_client() as client:
            return await apply_automations(client, url)

    return asyncio.run(applied())


def ours(client: SyncPrefectClient) -> dict[str, Automation]:
    return {one.name: one for one in client.read_automations() if one.name.startswith("aeflow: ")}


def test_what_was_changed_is_mended_and_what_was_paused_stays_paused(deployed, client):
    assert apply() == []
    silent = ours(client)[SILENT]
    core = AutomationCore.model_validate(silent.model_dump(exclude={"id", "owner_resource"}))
    client.update_automation(silent.id, core.model_copy(update={"description": "Mine."}))
    client.pause_automation(silent.id)
    foreign = client.create_automation(core.model_copy(update={"name": "not of aeflow"}))
    client.create_automation(core.model_copy(update={"name": "aeflow: of an older version"}))
    assert apply() == [
        "automation 'aeflow: of an older version': removed",
        f"automation '{SILENT}': changed",
    ]
    mended = ours(client)[SILENT]
    assert (mended.description, mended.enabled) == (silent.description, False)
    assert client.read_automation(foreign)
    client.delete_automation(foreign)
    client.resume_automation(silent.id)
    assert apply() == []


def test_webhook_follows_the_address_and_nobody_is_shown_it(deployed, client):
    assert TOLD not in ours(client)
    assert apply(URL) == ["webhook 'aeflow-notify': created", f"automation '{TOLD}': created"]
    assert apply(URL) == []
    block = ours(client)[TOLD].actions[0].block_document_id
    assert shown(client)["url"] == "********"
    assert apply(f"{URL}-2") == ["webhook 'aeflow-notify': changed"]
    document = client.read_block_document(block, include_secrets=True)
    assert (document.data["url"], document.data["headers"]) == (
        f"{URL}-2",
        {"Content-Type": "application/json"},
    )
    assert apply() == [f"automation '{TOLD}': removed", "webhook 'aeflow-notify': removed"]
    assert TOLD not in ours(client)
    assert client.request("POST", "/block_documents/filter", json={}).json() == []


def shown(client: SyncPrefectClient) -> dict[str, Any]:
    told = client.request("POST", "/block_documents/filter", json={})
    assert TOKEN not in told.text
    return told.json()[0]["data"]


def test_address_that_is_none_is_refused_without_being_repeated(monkeypatch):
    monkeypatch.setenv("AEFLOW_NOTIFY_URL", f"chat.example/{TOKEN}")
    with pytest.raises(ConfigError) as raised:
        address()
    assert str(raised.value) == (
        "AEFLOW_NOTIFY_URL is no address that begins with http:// or https://."
    )


def test_drift_is_announced_and_what_retraining_measures_starts_none(client, tmp_path):
    store = Store(tmp_path / "store")
    first = digits(tmp_path, inverted=False)
    retrain(first, store.url)
    assert not drift_of(first, store).drifted
    second = digits(tmp_path, inverted=True)
    assert drift_of(second, store).drifted
    retrain(second, store.url)
    measured, retrained = wait_for(lambda: told_of(client, "grown"), 2)
    assert measured.payload["columns"]
    assert measured.payload["p"] < 0.01
    assert is_covered(measured)
    assert retrained.payload["drift"] == measured.payload["drift"]
    assert not is_covered(retrained)


def digits(tmp_path, *, inverted: bool) -> PipelineConfig:
    images = load_digits().images[:600].astype(np.uint8)
    np.savez(tmp_path / "grown.npz", x_train=16 - images if inverted else images)
    return PipelineConfig(
        ingest=IngestConfig(source=f"npz:{tmp_path / 'grown.npz'}"),
        model=ModelConfig(latent_dim=8),
        train=TrainConfig(epochs=8),
        gate={"max_ratio_to_pca": 100.0},
        retrain=RetrainConfig(train_when="on_drift"),
    )


def drift_of(config: PipelineConfig, store: Store):
    return Watched.model_validate(measure_drift(config, store.url)).drift


def told_of(client: SyncPrefectClient, dataset: str) -> list[ReceivedEvent]:
    named = {"event": {"name": ["drift.detected"]}, "order": "ASC"}
    found = client.request("POST", "/events/filter", json={"filter": named}).json()["events"]
    events = [ReceivedEvent.model_validate(event) for event in found]
    return [event for event in events if event.payload["dataset"] == dataset]


def is_covered(event: ReceivedEvent) -> bool:
    """Says whether the server starts a retraining at this event."""
    (wanted,) = [one for one in automations(uuid4()) if one.name == DRIFT]
    trigger = EventTrigger.model_validate(json.loads(wanted.trigger.model_dump_json()))
    return trigger.covers(event)


def wait_for(read: Callable[[], list[ReceivedEvent]], count: int) -> list[ReceivedEvent]:
    end = time.monotonic() + 60
    while len(found := read()) < count:
        assert time.monotonic() < end
        time.sleep(0.2)
    return found
