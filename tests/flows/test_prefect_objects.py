"""Prefect's own objects of tasks and flows: they are the same as before stages existed."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from prefect.flows import Flow
from prefect.tasks import Task

from flows import (
    encode_dataset,
    one_class,
    pipeline,
    retrain,
    single_stages,
    tasks,
    train_autoencoder,
    tune,
)

EXPECTED = json.loads((Path(__file__).parent / "prefect_objects.json").read_bytes())
OF_TASKS = (tasks, one_class, tune)
OF_FLOWS = (
    encode_dataset,
    one_class,
    pipeline,
    retrain,
    single_stages,
    train_autoencoder,
    tune,
)


def members(modules: tuple[ModuleType, ...], kind: type) -> dict[str, Task | Flow]:
    values = [value for module in modules for value in vars(module).values()]
    return {value.name: value for value in values if isinstance(value, kind)}


TASKS, FLOWS = members(OF_TASKS, Task), members(OF_FLOWS, Flow)


def described_task(task: Task) -> dict:
    return {
        "run_name": task.task_run_name,
        "tags": sorted(task.tags),
        "hours": task.timeout_seconds / 3600,
        "retries": task.retries,
        "function": task.task_key.rsplit("-", 1)[0],
    }


def described_flow(flow: Flow) -> dict:
    parameters, run_name = flow.parameters, flow.flow_run_name
    return {
        "run_name": run_name.__name__ if callable(run_name) else run_name,
        "parameters": list(parameters.properties),
        "required": parameters.required,
    }


def form_of(flow: Flow) -> dict[str, dict]:
    """Returns the fields, and their defaults, of each section of the form in the UI."""
    return {
        name: {field: of_field.get("default") for field, of_field in section["properties"].items()}
        for name, section in flow.parameters.definitions.items()
    }


def test_there_are_as_many_tasks_and_flows():
    assert (sorted(TASKS), sorted(FLOWS)) == (sorted(EXPECTED["tasks"]), sorted(EXPECTED["flows"]))


@pytest.mark.parametrize("name", TASKS)
def test_task_has_its_names_tags_timeout_and_retries(name):
    assert described_task(TASKS[name]) == EXPECTED["tasks"][name]


@pytest.mark.parametrize("name", FLOWS)
def test_flow_has_its_name_and_parameters(name):
    assert described_flow(FLOWS[name]) == EXPECTED["flows"][name]
    assert form_of(FLOWS[name]) == EXPECTED["form"]
