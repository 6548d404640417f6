"""The templates of pools with containers or jobs: their limits, and what Prefect requires."""

import json
import re
from pathlib import Path

import pytest
import yaml

from deployments.pools import POOLS, template_of
from tests.infra.environments import INFRA, kustomization
from tests.source_code import ROOT

FOLDER = INFRA / "templates"
FILES = sorted(FOLDER.glob("*/*.json"))


def name_of(path: Path) -> str:
    return path.name


def job(path: Path) -> tuple[dict, dict]:
    template = json.loads(path.read_text("utf-8"))
    return template["job_configuration"], template["variables"]["properties"]


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_pools_with_a_template_are_of_its_type_and_control_is_not(kind):
    types = {pool.name: template_of(pool, FOLDER / kind).type for pool in POOLS}
    assert types == {"control": "process", "cpu": kind, "gpu": kind}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_a_job_names_is_a_variable_with_a_default_and_all_are_named(path):
    configuration, variables = job(path)
    names = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(configuration)))
    assert names == variables.keys()
    assert all(v.keys() >= {"default", "title", "description"} for v in variables.values())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_deployments_set_is_a_variable(path):
    content = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text("utf-8"))
    names = {
        name
        for deployment in content["deployments"]
        for name in deployment["work_pool"].get("job_variables", {})
    }
    assert names <= job(path)[1].keys()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_pages_of_a_run_link_to_where_reports_and_tensorboard_are(path):
    environment = job(path)[1]["env"]["default"]
    client = kustomization("base")["configMapGenerator"][0]["literals"]
    for name in ("AEFLOW_REPORT_URL", "AEFLOW_TENSORBOARD_URL"):
        assert f"{name}={environment[name]}" in client


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_run_is_bounded_and_has_no_more_rights_than_it_needs(path):
    configuration, variables = job(path)
    assert variables.keys() & {"mem_limit", "memory_limit"}
    if "job_manifest" not in configuration:
        least = configuration["container_create_kwargs"]
        assert least["read_only"] and least["cap_drop"] == ["ALL"]
        return
    spec = configuration["job_manifest"]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_gpu_is_requested_only_by_the_gpu_pool(path):
    configuration, variables = job(path)
    has_gpu = path.name.startswith("gpu.")
    assert ("gpus" in variables) is has_gpu
    assert ("nvidia" in json.dumps(configuration)) is has_gpu
    if "node_selector" in variables:
        assert bool(variables["node_selector"]["default"]) is has_gpu
    assert variables["image"]["default"] == f"aeflow:{path.name.partition('.')[0]}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("docker/*")), ids=name_of)
def test_end_of_a_container_is_noticed(path):
    """Prefect's worker reads the exit code only of a container that exists, after its output."""
    _, variables = job(path)
    assert variables["auto_remove"]["default"] is False
    assert variables["stream_output"]["default"] is True
    behaviour = variables["env"]["default"]["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"]
    assert behaviour == "reschedule"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("kubernetes/*")), ids=name_of)
def test_job_has_what_prefects_worker_insists_on(path):
    """Without these fields it refuses the template each time it takes a run."""
    spec = job(path)[0]["job_manifest"]["spec"]["template"]["spec"]
    assert (spec["completions"], spec["parallelism"]) == (1, 1)
    assert spec["containers"][0]["name"] == "prefect-job"
