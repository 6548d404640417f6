"""The service in containers: its ports and networks, its rights, the order of its start."""

import re

import pytest
import yaml

from infra.worker import RUN_SECONDS, WORKER_SECONDS
from tests.infra.environments import INFRA, common, compose, make_up_environment

SERVICES = compose()["services"]
ONCE = {"migrate", "deployments"}
OURS = {name for name, service in SERVICES.items() if "build" in service}


def test_parts_are_those_that_the_page_names():
    assert set(SERVICES) == {
        *("postgres", "redis", "migrate", "server", "deployments"),
        *("worker-control", "worker-cpu", "worker-gpu", "tensorboard", "reports"),
    }
    page = (INFRA / "containers.md").read_text("utf-8")
    assert [name for name in SERVICES if f"`{name}`" not in page] == []


def test_ports_are_published_to_this_machine_only():
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published.keys() == {"server", "tensorboard", "reports"}
    ports = [port for ports in published.values() for port in ports]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_database_is_reached_by_the_server_alone():
    assert compose()["networks"]["database"] == {"internal": True}
    members = {
        name for name, service in SERVICES.items() if "database" in service.get("networks", ())
    }
    assert members == {"postgres", "redis", "migrate", "server"}
    assert [SERVICES[name]["networks"] for name in ("postgres", "redis")] == [["database"]] * 2


@pytest.mark.parametrize("name", SERVICES)
def test_part_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name in OURS or service["user"] not in ("root", "0")
    assert {"privileged", "pid", "network_mode", "cap_add"} & service.keys() == set()


@pytest.mark.parametrize("name", SERVICES)
def test_part_is_bounded_watched_and_started_again(name):
    service = SERVICES[name]
    assert "mem_limit" in service
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    if name in ONCE:
        assert service["healthcheck"] == {"disable": True}
    else:
        assert name in OURS or service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_part_starts_when_what_it_needs_is_well(name):
    dependencies = SERVICES[name].get("depends_on", {})
    assert dependencies or name in ("postgres", "redis")
    for needed, dependency in dependencies.items():
        condition = "service_completed_successfully" if needed in ONCE else "service_healthy"
        assert dependency["condition"] == condition


@pytest.mark.parametrize("name", sorted(n for n in SERVICES if n.startswith("worker-")))
def test_runs_of_a_stopped_worker_have_time(name):
    seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert seconds > RUN_SECONDS + WORKER_SECONDS


def test_secrets_come_from_outside_and_must_be_there():
    text = (INFRA / "compose.yaml").read_text("utf-8")
    secrets = ("PREFECT_API_AUTH_STRING", "AEFLOW_POSTGRES_PASSWORD", "AEFLOW_REDIS_PASSWORD")
    assert [s for s in secrets if f"${{{s}:?" not in text] == []
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|AUTH|CONNECTION|DOCKET", name) and "AUTHORIZ" not in name:
                assert "${" in value or name == "POSTGRES_INITDB_ARGS"


@pytest.mark.parametrize("part", ["server", "worker-control", "worker-cpu", "worker-gpu"])
def test_part_has_the_environment_of_make_up(part):
    environment = common(SERVICES[part]["environment"])
    expected = make_up_environment(part)
    assert len(expected) > 6
    assert {name: environment.get(name) for name in expected} == expected


def test_gpu_is_the_gpu_workers():
    reserved = {name for name, service in SERVICES.items() if "deploy" in service}
    assert reserved == {"worker-gpu"}
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert SERVICES["worker-gpu"]["build"]["args"] == {"ACCELERATOR": "gpu"}


@pytest.mark.parametrize(("name", "port"), [("tensorboard", 6006), ("reports", 6007)])
def test_viewer_only_reads_the_store_and_pages_link_to_where_it_is_published(name, port):
    viewer, setting = SERVICES[name], {"tensorboard": "TENSORBOARD", "reports": "REPORT"}[name]
    assert viewer["volumes"] == ["store:/store:ro"]
    assert viewer["networks"] == [name]  # its own network, without other parts
    assert viewer["environment"] == {"AEFLOW_HEALTH_URL": f"http://127.0.0.1:{port}"}
    published = f"127.0.0.1:${{AEFLOW_{setting}_PORT:-{port}}}"
    assert viewer["ports"] == [f"{published}:{port}"]
    for worker in ("worker-control", "worker-cpu", "worker-gpu"):
        assert SERVICES[worker]["environment"][f"AEFLOW_{setting}_URL"] == f"http://{published}"


def test_only_the_deployments_get_the_notification_url():
    receivers = {n for n, s in SERVICES.items() if "AEFLOW_NOTIFY_URL" in s.get("environment", {})}
    assert receivers == {"deployments"}


def test_every_deployment_variable_is_passed_on():
    content = yaml.safe_load((INFRA.parent / "deployments" / "prefect.yaml").read_text("utf-8"))
    names = set(re.findall(r"\{\{ \$(\w+) \}\}", yaml.safe_dump(content)))
    assert names <= SERVICES["deployments"]["environment"].keys()
