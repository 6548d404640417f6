"""The automations: what the server does by itself when a run dies, or when data drift."""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import AutomationCore

from deployments.notifications import apply_webhook, remove_webhook
from flows.server.announcing import DRIFTED, FLOW_LABEL, RETRAINING

__all__ = ["apply_automations", "automations"]

OURS = "aeflow: "
"""The names of our automations begin with it."""

HEARTBEAT = "prefect.flow-run.heartbeat"
PENDING = [
    f"prefect.flow-run.{name}" for name in ("Pending", "Submitting", "InfrastructurePending")
]
"""What a run is, one after the other, from being taken by a worker to its first step."""
CRASHED = "prefect.flow-run.Crashed"
ENDINGS = [
    f"prefect.flow-run.{name}"
    for name in ("Completed", "Unchanged", "Refused", "Failed", "Crashed", "Cancelled")
]
EACH = ["prefect.resource.id"]
RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
RUNS_OF_OURS = [
    {"prefect.resource.role": "deployment"},  # a run within another's process goes with that
    {"prefect.resource.id": "prefect.tag.aeflow"},
]

SILENCE_SECONDS = 100
"""A run is heard of every 30 s. This bridges a server that is away for a minute, and still marks a
dead run within two: the server looks every 5 s."""
BEGINNING_SECONDS = 1200
"""From being taken to its first step a run imports TensorFlow; a container may have to be pulled,
and a job to wait for its node. One that begins after all goes on from being Crashed."""
SETTLED_SECONDS = 20
"""Of a killed run the runner tells and then the worker, seconds apart; the second report would undo
what is done between them."""
BETWEEN_RETRAININGS_SECONDS = 600
TOLD_ONCE_IN_SECONDS = 60

PAYLOAD = """{
  "text": {{ (flow.name ~ " '" ~ flow_run.name ~ "' is " ~ flow_run.state.name ~ ": "
              ~ (flow_run.state.message or "no reason was given") ~ " "
              ~ (flow_run | ui_url)) | tojson }},
  "flow": {{ flow.name | tojson }},
  "run": {{ flow_run.name | tojson }},
  "state": {{ flow_run.state.name | tojson }},
  "message": {{ flow_run.state.message | tojson }},
  "link": {{ flow_run | ui_url | tojson }}
}"""
"""What a webhook is sent: `text` is what chats show, the rest is for programs."""


def automations(webhook: UUID | None = None) -> list[AutomationCore]:
    """Returns the automations as they should be; failures are reported to the webhook."""
    always = [
        _silent_run_crashed(),
        _unbegun_run_crashed(),
        _crashed_run_again(),
        _drift_retrains(),
    ]
    return [*always, _failure_is_told(webhook)] if webhook else always


async def apply_automations(client: PrefectClient, notify: str | None) -> list[str]:
    """Makes ours, and the webhook with that address, as they should be; says what it changed.

    What else has such a name is removed, and without an address the webhook.
    """
    if notify is None:
        return await _apply(client, None) + await remove_webhook(client)
    webhook, changed = await apply_webhook(client, notify)
    return changed + await _apply(client, webhook)


async def _apply(client: PrefectClient, webhook: UUID | None) -> list[str]:
    wanted = {one.name: one for one in automations(webhook)}
    there = {one.name: one for one in await client.read_automations() if one.name.startswith(OURS)}
    changed = []
    for name in sorted(there.keys() - wanted.keys()):
        await client.delete_automation(there[name].id)
        changed.append(f"automation '{name}': removed")
    for name in sorted(wanted.keys() - there.keys()):
        await client.create_automation(wanted[name])
        changed.append(f"automation '{name}': created")
    for name in sorted(wanted.keys() & there.keys()):
        # Whoever has paused one wants it to stay paused.
        kept = wanted[name].model_copy(update={"enabled": there[name].enabled})
        if there[name].model_dump(exclude={"id"}) != kept.model_dump():
            await client.update_automation(there[name].id, kept)
            changed.append(f"automation '{name}': changed")
    return changed


def _silent_run_crashed() -> AutomationCore:
    return _automation(
        "a silent run crashed",
        "Marks a run Crashed whose process and worker died: nothing is heard of it.",
        trigger={
            "posture": "Proactive",
            "after": [HEARTBEAT],
            "expect": [HEARTBEAT, *ENDINGS],
            "match": RUNS,
            "for_each": EACH,
            "within": SILENCE_SECONDS,
        },
        # Not forced: the server lets no run that has ended, or is being cancelled, become Crashed.
        action={
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": "Nothing was heard of this run: its process and its worker are gone.",
        },
    )


def _unbegun_run_crashed() -> AutomationCore:
    return _automation(
        "a run that never began crashed",
        "Marks a run Crashed that was taken and did not begin: it died before its first heartbeat.",
        trigger={
            "posture": "Proactive",
            "after": PENDING,
            "expect": ["prefect.flow-run.*"],
            "match": RUNS,
            "for_each": EACH,
            "within": BEGINNING_SECONDS,
        },
        action={
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": "A worker took this run, and it never began: its process is gone.",
        },
    )


def _crashed_run_again() -> AutomationCore:
    return _automation(
        "a crashed run starts again",
        "Reschedules a run that crashed in its first attempt, and only then.",
        trigger={
            "posture": "Proactive",
            "after": [CRASHED],
            "expect": ["prefect.flow-run.*"],
            "match": {**RUNS, "prefect.run-count": "1"},
            "match_related": RUNS_OF_OURS,
            "for_each": EACH,
            "within": SETTLED_SECONDS,
        },
        action={
            "type": "change-flow-run-state",
            "state": "SCHEDULED",
            "message": "It crashed in its first attempt and is started once more.",
        },
    )


def _drift_retrains() -> AutomationCore:
    return _automation(
        "drift starts a retraining",
        "Retrains a dataset when another flow than retraining itself has measured its drift.",
        trigger={
            "posture": "Reactive",
            "expect": [DRIFTED],
            # What retraining itself measures would start it again and again.
            "match": {"prefect.resource.id": "aeflow.dataset.*", FLOW_LABEL: "!retrain"},
            "match_related": {"prefect.resource.role": RETRAINING},
            "for_each": EACH,
            "within": BETWEEN_RETRAININGS_SECONDS,
        },
        # Inferred is the first deployment that the event names: the one that retrains.
        action={
            "type": "run-deployment",
            "source": "inferred",
            "parameters": {name: _announced(name) for name in ("config", "store")},
        },
    )


def _announced(parameter: str) -> dict[str, Any]:
    """Returns a template for a parameter of the retraining that an event of drift names."""
    template = f"{{{{ event.payload.{RETRAINING}.{parameter} | tojson }}}}"
    return {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": template},
    }


def _failure_is_told(webhook: UUID) -> AutomationCore:
    return _automation(
        "a failure is told",
        "Tells of a run that failed or crashed, and of a model that the gate refused.",
        trigger={
            "posture": "Reactive",
            "expect": [f"prefect.flow-run.{name}" for name in ("Refused", "Failed", "Crashed")],
            "match": RUNS,
            "match_related": RUNS_OF_OURS,
            "for_each": EACH,
            "within": TOLD_ONCE_IN_SECONDS,
        },
        action={"type": "call-webhook", "block_document_id": webhook, "payload": PAYLOAD},
    )


def _automation(name: str, description: str, *, trigger: dict, action: dict) -> AutomationCore:
    return AutomationCore.model_validate(
        {
            "name": f"{OURS}{name}",
            "description": description,
            "tags": ["aeflow"],
            "trigger": {"type": "event", "threshold": 1, **trigger},
            "actions": [action],
        }
    )
