"""Automations on a real server: they match their definitions, and are created once."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import RelatedResource, Resource

from aeflow.errors import ConfigError
from deployments.automations import apply_automations, automations
from deployments.notifications import address

TOKEN = "planted-token"
URL = f"http://127.0.0.1:9/hooks/{TOKEN}"
SILENT = "aeflow: a silent run crashed"
NOTIFYING = ("aeflow: a failure is told", "aeflow: a refusal is told")


def apply(url: str | None = None) -> list[str]:
    async def applied() -> list[str]:
        async with get_client() as client:
            return await apply_automations(client, url)

    return asyncio.run(applied())


def ours(client: SyncPrefectClient) -> dict[str, Automation]:
    return {one.name: one for one in client.read_automations() if one.name.startswith("aeflow: ")}


def test_a_changed_automation_is_restored_and_a_paused_one_stays_paused(deployed, client):
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
    restored = ours(client)[SILENT]
    assert (restored.description, restored.enabled) == (silent.description, False)
    assert client.read_automation(foreign)
    client.delete_automation(foreign)
    client.resume_automation(silent.id)
    assert apply() == []


def test_webhook_follows_the_address_and_never_shows_it(deployed, client):
    assert not ours(client).keys() & set(NOTIFYING)
    created = [f"automation '{name}': created" for name in NOTIFYING]
    assert apply(URL) == ["webhook 'aeflow-notify': created", *created]
    assert apply(URL) == []
    (block,) = {ours(client)[name].actions[0].block_document_id for name in NOTIFYING}
    assert shown_block(client)["url"] == "********"
    assert apply(f"{URL}-2") == ["webhook 'aeflow-notify': changed"]
    document = client.read_block_document(block, include_secrets=True)
    assert (document.data["url"], document.data["headers"]) == (
        f"{URL}-2",
        {"Content-Type": "application/json"},
    )
    removed = [f"automation '{name}': removed" for name in NOTIFYING]
    assert apply() == [*removed, "webhook 'aeflow-notify': removed"]
    assert not ours(client).keys() & set(NOTIFYING)
    assert client.request("POST", "/block_documents/filter", json={}).json() == []


def shown_block(client: SyncPrefectClient) -> dict[str, Any]:
    response = client.request("POST", "/block_documents/filter", json={})
    assert TOKEN not in response.text
    return response.json()[0]["data"]


@pytest.mark.parametrize(
    ("message", "is_reported"),
    [
        ("Refused: It is worse.", True),
        ("Held: The new rows drifted.", True),
        ("Unchanged (look): The data drifted.", True),
        ("Unchanged: The champion stays.", False),
    ],
)
def test_refused_run_is_reported_by_its_message(message: str, is_reported: bool):
    # The server caches the tags of a run, so the event at its end may not have the tag `look`.
    (refusal,) = [one for one in automations(uuid4()) if one.name == NOTIFYING[1]]
    trigger = EventTrigger.model_validate(refusal.trigger.model_dump())
    resource = {"prefect.resource.id": "prefect.flow-run.1", "prefect.state-message": message}
    related = [
        {"prefect.resource.id": "prefect.deployment.1", "prefect.resource.role": "deployment"},
        {"prefect.resource.id": "prefect.tag.aeflow", "prefect.resource.role": "tag"},
    ]
    assert trigger.expects("prefect.flow-run.Completed")
    assert is_reported is trigger.covers_resources(
        Resource.model_validate(resource), [RelatedResource.model_validate(one) for one in related]
    )


def test_invalid_address_is_refused_without_being_repeated(monkeypatch):
    monkeypatch.setenv("AEFLOW_NOTIFY_URL", f"chat.example/{TOKEN}")
    with pytest.raises(ConfigError) as raised:
        address()
    assert str(raised.value) == (
        "The value of AEFLOW_NOTIFY_URL is not an HTTP URL (not shown, as it may contain a token). "
        "Set it to a URL that begins with http:// or https://."
    )
