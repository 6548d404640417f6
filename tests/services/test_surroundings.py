"""The service in the environment of a company's machine: a proxy, a strict umask, no home."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.processes import marked
from tests.services.running_service import new_environment, service_command


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="aeflow-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user, which must enter it
    settings = new_environment(folder) | {"AEFLOW_POOLS": "cpu"}
    settings["AEFLOW_HOME"] = str(folder / "new" / "home")
    yield settings
    service_command("down", settings)
    shutil.rmtree(folder)


def test_service_starts_under_a_proxy_a_strict_umask_and_without_a_home(environment):
    before = os.umask(0o077)
    try:
        with socket.socket() as proxy:  # listens but never answers
            proxy.bind(("127.0.0.1", 0))
            proxy.listen()
            address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
            more = {"HTTP_PROXY": address, "all_proxy": address, "HOME": "/proc/absent"}
            up = service_command("up", environment | more | {"MPLBACKEND": "module://absent"})
    finally:
        os.umask(before)
    assert up.returncode == 0, up.stderr + up.stdout
    assert "aeflow is running on PostgreSQL" in up.stdout
    exempt = [process.environ()["NO_PROXY"] for process in marked(Path(environment["AEFLOW_HOME"]))]
    assert set(exempt) == {"127.0.0.1,localhost,::1"}
    log = Path(environment["AEFLOW_HOME"]) / "logs" / "deployments.log"
    assert "deployment pipeline/on-demand: new" in log.read_text("utf-8")


def test_store_on_s3_is_refused_before_a_folder_is_made(environment):
    done = service_command("up", environment | {"AEFLOW_STORE": "s3://bucket/store"})
    assert done.stderr.splitlines()[0].startswith("aeflow: AEFLOW_STORE = 's3://bucket/store' is")
    assert not Path(environment["AEFLOW_HOME"]).exists()
