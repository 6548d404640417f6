"""The service on a cluster: the rights of its pods, their probes, and the network policies."""

import re

import pytest
import yaml

from tests.infra.environments import (
    INFRA,
    common,
    compose,
    kustomization,
    make_up_environment,
    manifests,
)

OVERLAYS = ("overlays/gpu", "overlays/jobs")
ALL = [m for folder in ("base", *OVERLAYS) for m in manifests(folder)]
LONG_LIVED = ("Deployment", "StatefulSet")
PODS = {
    f"{folder}:{m['metadata']['name']}": (m["kind"], m["spec"]["template"])
    for folder in ("base", *OVERLAYS)
    for m in manifests(folder)
    if m["kind"] in (*LONG_LIVED, "Job")
}


def literals(folder: str, name: str) -> dict[str, str]:
    generators = kustomization(folder)["configMapGenerator"]
    (pairs,) = [one["literals"] for one in generators if one["name"] == name]
    return dict(literal.split("=", 1) for literal in pairs)


@pytest.mark.parametrize("folder", ["base", *OVERLAYS])
def test_everything_in_a_folder_is_applied(folder):
    files = {path.name for path in (INFRA / "kubernetes" / folder).glob("*.yaml")}
    resources = set(kustomization(folder)["resources"])
    assert files - {"kustomization.yaml"} == resources - {"../../base"}


@pytest.mark.parametrize("pod", PODS)
def test_pod_has_no_more_rights_than_it_needs(pod):
    spec = PODS[pod][1]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] in (999, 10001)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("pod", PODS)
def test_pod_is_bounded_and_watched(pod):
    kind, template = PODS[pod]
    for container in template["spec"]["containers"]:
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        if kind in LONG_LIVED:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


@pytest.mark.parametrize("pod", [name for name in PODS if "worker" in name])
def test_worker_outlives_an_hour_without_a_server(pod):
    """A worker that a probe restarts loses its trainings."""
    (container,) = PODS[pod][1]["spec"]["containers"]
    probe = container["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 3600
    assert PODS[pod][1]["spec"]["terminationGracePeriodSeconds"] >= 60


def test_secrets_are_named_and_none_is_there():
    assert [m for m in ALL if m["kind"] == "Secret"] == []
    assert "secretGenerator" not in "".join(map(str, map(kustomization, ("base", *OVERLAYS))))
    for _, template in PODS.values():
        spec = template["spec"]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            for variable in container.get("env", ()):
                if re.search(r"PASSWORD|AUTH_STRING", variable["name"]):
                    assert variable["valueFrom"]["secretKeyRef"]["name"] == "aeflow"


def test_nothing_is_published():
    services = [m for m in ALL if m["kind"] == "Service"]
    assert {m["metadata"]["name"] for m in services} == {"postgres", "server"}
    assert [m for m in services if m["spec"].get("type", "ClusterIP") != "ClusterIP"] == []
    assert [m for m in ALL if m["kind"] == "Ingress"] == []


def test_server_is_open_to_its_clients_and_postgres_to_the_server():
    policies = {m["metadata"]["name"]: m["spec"] for m in ALL if m["kind"] == "NetworkPolicy"}
    assert policies["closed"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    (allowed,) = policies["postgres"]["ingress"]
    assert allowed["from"] == [{"podSelector": {"matchLabels": {"app": "server"}}}]
    clients = {name.partition(":")[2] for name, (_, template) in PODS.items()
               if template["metadata"]["labels"].get("aeflow/client") == "true"}  # fmt: skip
    assert clients == {"deployments", "worker-control", "worker-cpu", "worker-gpu"}


def test_clients_and_server_have_the_environment_of_make_up():
    client, server = common(literals("base", "client")), common(literals("base", "server"))
    for part, environment in {"worker-cpu": client, "server": {**client, **server}}.items():
        expected = make_up_environment(part)
        assert {name: environment.get(name) for name in expected} == expected


def test_deployments_have_the_environment_of_compose():
    environment = compose()["services"]["deployments"]["environment"]
    defaults = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
        for name, value in environment.items()
        if name in literals("base", "deployments")
    }
    assert literals("base", "deployments") == defaults


@pytest.mark.parametrize(
    ("name", "setting"), [("tensorboard", "TENSORBOARD"), ("reports", "REPORT")]
)
def test_viewer_only_reads_the_store_and_pages_link_to_its_forwarded_port(name, setting):
    spec = PODS[f"base:{name}"][1]["spec"]
    (container,) = spec["containers"]
    (store,) = [volume for volume in spec["volumes"] if volume["name"] == "store"]
    assert store["persistentVolumeClaim"]["readOnly"] is True
    assert container["volumeMounts"][0] == {
        "name": "store",
        "mountPath": "/store",
        "readOnly": True,
    }
    assert [variable["name"] for variable in container["env"]] == ["AEFLOW_HEALTH_URL"]
    (port,) = container["ports"]
    address = f"http://127.0.0.1:{port['containerPort']}"
    assert literals("base", "client")[f"AEFLOW_{setting}_URL"] == address


def test_notification_url_is_a_secret_of_the_deployments_alone():
    receivers = [
        (pod, variable["valueFrom"])
        for pod, (_, template) in PODS.items()
        for container in template["spec"]["containers"]
        for variable in container.get("env", ())
        if variable["name"] == "AEFLOW_NOTIFY_URL"
    ]
    key = {"name": "aeflow", "key": "AEFLOW_NOTIFY_URL", "optional": True}
    assert receivers == [("base:deployments", {"secretKeyRef": key})]


def test_gpu_is_asked_for_by_the_gpu_worker_on_a_node_that_has_one():
    asking = {
        name for name, (_, template) in PODS.items() if "nvidia.com/gpu:" in yaml.dump(template)
    }
    assert asking == {"overlays/gpu:worker-gpu"}
    spec = PODS["overlays/gpu:worker-gpu"][1]["spec"]
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}


def test_store_is_one_for_all():
    (claim,) = [m for m in ALL if m["kind"] == "PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
