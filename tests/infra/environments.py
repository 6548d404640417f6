"""Environments that `make up`, Compose, Kubernetes and systemd give to the service's processes."""

import os
from pathlib import Path
from unittest.mock import patch

import yaml

from infra.credentials import Credentials
from infra.parts import parts_of
from infra.postgres import Postgres
from infra.settings import Settings
from tests.source_code import ROOT

INFRA = ROOT / "infra"
OURS = ("PREFECT_", "AEFLOW_", "DO_NOT_TRACK", "TF_CPP")
DIFFERING = {
    *("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"),
    *("PREFECT_HOME", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_SERVER_UI_API_URL"),
    *(
        "AEFLOW_STORE",
        "AEFLOW_TENSORBOARD_URL",
        "AEFLOW_HEALTH_URL",
        "AEFLOW_SERVICE",
        "AEFLOW_REPORT_URL",
    ),
    *("PREFECT_SERVER_UI_STATIC_DIRECTORY", "AEFLOW_POSTGRES_PASSWORD"),
}
"""Addresses, folders and secrets, which differ between the forms of the service."""


def make_up_environment(part: str) -> dict[str, str]:
    """Returns the environment that `make up` gives a part, without addresses and secrets."""
    settings = Settings.of({})
    postgres = Postgres(Path("/bin"), settings.home, 54320, None)
    with patch.dict(os.environ, clear=True):  # parts inherit the caller's environment
        groups = parts_of(settings, Credentials("admin:a", "b", "c"), postgres)
    (matching_part,) = [one for group in groups for one in group if one.name == part]
    return common(dict(matching_part.environment))


def common(environment: dict[str, str]) -> dict[str, str]:
    """Returns the variables that must be the same in all forms."""
    return {
        name: str(value)
        for name, value in environment.items()
        if name.startswith(OURS) and name not in DIFFERING
    }


def compose() -> dict:
    return yaml.safe_load((INFRA / "compose.yaml").read_text("utf-8"))


def manifests(folder: str) -> list[dict]:
    """Returns the manifests in a folder of infra/kubernetes, without its kustomization."""
    paths = sorted((INFRA / "kubernetes" / folder).glob("*.yaml"))
    return [
        manifest
        for path in paths
        if path.name != "kustomization.yaml"
        for manifest in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def kustomization(folder: str) -> dict:
    path = INFRA / "kubernetes" / folder / "kustomization.yaml"
    return yaml.safe_load(path.read_text("utf-8"))
