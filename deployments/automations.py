"""The automations: what the server does by itself when a run dies or when data drifts."""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import AutomationCore

from deployments.notifications import apply_webhook, remove_webhook
from flows.recipes.outcome import LOOK, LOOK_AT, OUTCOMES
from flows.server.announcing import DRIFTED, FLOW_LABEL, RETRAINING

__all__ = ["apply_automations", "automations"]

PREFIX = "aeflow: "
"""The prefix of the names of our automations."""

HEARTBEAT = "prefect.flow-run.heartbeat"
PENDING = [
    f"prefect.flow-run.{name}" for name in ("Pending", "Submitting", "InfrastructurePending")
]
"""The states of a run, in order, from when a worker takes it until its first step."""
CRASHED = "prefect.flow-run.Crashed"
ENDINGS = [f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Crashed", "Cancelled")]
EACH = ["prefect.resource.id"]
RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
DEPLOYED_RUNS = [
    # Only runs of deployments: a run inside another run's process ends and restarts with that.
    {"prefect.resource.role": "deployment"},
    {"prefect.resource.id": "prefect.tag.aeflow"},
]

SILENCE_SECONDS = 100
"""A run sends a heartbeat every 30 s. This bridges a server outage of one minute, and still marks a
dead run within two minutes, because the server checks every 5 s."""
BEGINNING_SECONDS = 1200
"""Between being taken and its first step, a run imports TensorFlow. It may also have to pull a
container or wait for a node. A run that begins later still continues, from the state Crashed."""
SETTLED_SECONDS = 20
"""The runner and then the worker report a killed run, seconds apart. The second report would undo
any state change made between them."""
BETWEEN_RETRAININGS_SECONDS = 600
BETWEEN_REPORTS_SECONDS = 60

PAYLOAD = """{
  "text": {{ (flow.name ~ " '" ~ flow_run.name ~ "' ended as " ~ flow_run.state.name ~ ". "
              ~ (flow_run.state.message or "No reason was given.") ~ " "
              ~ (flow_run | ui_url)) | tojson }},
  "flow": {{ flow.name | tojson }},
  "run": {{ flow_run.name | tojson }},
  "state": {{ flow_run.state.name | tojson }},
  "outcome": {{ (flow_run.state.message.partition(":")[0].partition(" (")[0]
                 if flow_run.state.name == "Completed" else flow_run.state.name)
                | lower | tojson }},
  "message": {{ flow_run.state.message | tojson }},
  "link": {{ flow_run | ui_url | tojson }}
}"""
"""The body of a webhook call: chats display `text`, and the rest is for programs."""


def automations(webhook: UUID | None = None) -> list[AutomationCore]:
    """Returns the automations to apply. If there is a webhook, it is called for bad endings."""
    permanent = [
        _silent_run_crashed(),
        _unbegun_run_crashed(),
        _crashed_run_again(),
        _drift_retrains(),
    ]
    if webhook is None:
        return permanent
    return [*permanent, _failure_reported(webhook), _refusal_reported(webhook)]


async def apply_automations(client: PrefectClient, notify: str | None) -> list[str]:
    """Creates or updates our automations and the webhook for `notify`; returns what it changed.

    Other automations with our prefix are removed. If `notify` is None, the webhook is removed too.
    """
    if notify is None:
        return await _apply(client, None) + await remove_webhook(client)
    webhook, changes = await apply_webhook(client, notify)
    return changes + await _apply(client, webhook)


async def _apply(client: PrefectClient, webhook: UUID | None) -> list[str]:
    expected = {one.name: one for one in automations(webhook)}
    existing = {
        one.name: one for one in await client.read_automations() if one.name.startswith(PREFIX)
    }
    changes = []
    for name in sorted(existing.keys() - expected.keys()):
        await client.delete_automation(existing[name].id)
        changes.append(f"automation '{name}': removed")
    for name in sorted(expected.keys() - existing.keys()):
        await client.create_automation(expected[name])
        changes.append(f"automation '{name}': created")
    for name in sorted(expected.keys() & existing.keys()):
        # An automation that was paused stays paused.
        updated = expected[name].model_copy(update={"enabled": existing[name].enabled})
        if existing[name].model_dump(exclude={"id"}) != updated.model_dump():
            await client.update_automation(existing[name].id, updated)
            changes.append(f"automation '{name}': changed")
    return changes


def _silent_run_crashed() -> AutomationCore:
    return _automation(
        "a silent run crashed",
        "Marks a run Crashed if its heartbeat stops because its process and its worker died.",
        trigger={
            "posture": "Proactive",
            "after": [HEARTBEAT],
            "expect": [HEARTBEAT, *ENDINGS],
            "match": RUNS,
            "for_each": EACH,
            "within": SILENCE_SECONDS,
        },
        # Not forced: the server refuses Crashed for a run that has ended or is being cancelled.
        action={
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": "The heartbeat of this run stopped: its process and its worker died.",
        },
    )


def _unbegun_run_crashed() -> AutomationCore:
    return _automation(
        "a run that never began crashed",
        "Marks a run Crashed if a worker took it and it died before its first heartbeat.",
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
            "message": "A worker took this run, but it never began: its process died.",
        },
    )


def _crashed_run_again() -> AutomationCore:
    return _automation(
        "a crashed run starts again",
        "Reschedules a run that crashed in its first attempt, but not in a later one.",
        trigger={
            "posture": "Proactive",
            "after": [CRASHED],
            "expect": ["prefect.flow-run.*"],
            "match": {**RUNS, "prefect.run-count": "1"},
            "match_related": DEPLOYED_RUNS,
            "for_each": EACH,
            "within": SETTLED_SECONDS,
        },
        action={
            "type": "change-flow-run-state",
            "state": "SCHEDULED",
            "message": "This run crashed in its first attempt and is started once more.",
        },
    )


def _drift_retrains() -> AutomationCore:
    return _automation(
        "drift starts a retraining",
        "Retrains a dataset when any flow except retraining itself has detected its drift.",
        trigger={
            "posture": "Reactive",
            "expect": [DRIFTED],
            # Drift that retraining itself detects would start it again and again.
            "match": {"prefect.resource.id": "aeflow.dataset.*", FLOW_LABEL: "!retrain"},
            "match_related": {"prefect.resource.role": RETRAINING},
            "for_each": EACH,
            "within": BETWEEN_RETRAININGS_SECONDS,
        },
        # "inferred" is the first deployment that the event names, which is the one that retrains.
        action={
            "type": "run-deployment",
            "source": "inferred",
            "parameters": {name: _event_parameter(name) for name in ("config", "store")},
        },
    )


def _event_parameter(parameter: str) -> dict[str, Any]:
    """Returns a template that takes a parameter of the retraining from the drift event."""
    template = f"{{{{ event.payload.{RETRAINING}.{parameter} | tojson }}}}"
    return {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": template},
    }


def _failure_reported(webhook: UUID) -> AutomationCore:
    return _ending_reported(
        webhook,
        "a failure is told",
        "Reports a run that failed or crashed.",
        expect=[f"prefect.flow-run.{name}" for name in ("Failed", "Crashed")],
        match=RUNS,
    )


def _refusal_reported(webhook: UUID) -> AutomationCore:
    # The tag `look` would be easier to match. But the server caches the tags of a run for five
    # minutes, so the event of a short run's end does not have the tags that the run was given.
    messages = [f"{outcome.capitalize()}: *" for outcome in LOOK]
    messages += [f"{outcome.capitalize()}{LOOK_AT}: *" for outcome in OUTCOMES.values()]
    return _ending_reported(
        webhook,
        "a refusal is told",
        "Reports a run that completed and has the tag look: refused, held, or drift that is told.",
        expect=["prefect.flow-run.Completed"],
        match={**RUNS, "prefect.state-message": messages},
    )


def _ending_reported(
    webhook: UUID, name: str, description: str, *, expect: list[str], match: dict[str, Any]
) -> AutomationCore:
    return _automation(
        name,
        description,
        trigger={
            "posture": "Reactive",
            "expect": expect,
            "match": match,
            "match_related": DEPLOYED_RUNS,
            "for_each": EACH,
            "within": BETWEEN_REPORTS_SECONDS,
        },
        action={"type": "call-webhook", "block_document_id": webhook, "payload": PAYLOAD},
    )


def _automation(name: str, description: str, *, trigger: dict, action: dict) -> AutomationCore:
    return AutomationCore.model_validate(
        {
            "name": f"{PREFIX}{name}",
            "description": description,
            "tags": ["aeflow"],
            "trigger": {"type": "event", "threshold": 1, **trigger},
            "actions": [action],
        }
    )
