"""A Prefect server that cannot be used: the reason and the remedy, in one line, at once."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    temporary_settings,
)

from aeflow.artifacts import Dataset
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of
from flows.cli import main

AEFLOW = Path(sys.executable).with_name("aeflow")


class Refusing(BaseHTTPRequestHandler):
    """Is not a Prefect server: it answers 404, and 401 below `/locked`."""

    def do_GET(self):
        self.send_error(401 if self.path.startswith("/locked") else 404)

    def log_message(self, *message):
        pass


@pytest.fixture(scope="module")
def another() -> Iterator[str]:
    """The address of a server that is not Prefect's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys, settings: dict) -> tuple[int, str]:
    """Returns the exit code of a command under some settings of Prefect, and its last line."""
    with temporary_settings(settings):
        code = main(["ingest", "--store", "not-made"])
    assert not Path("not-made").exists()
    return code, capsys.readouterr().err.splitlines()[-1]


ADDRESSES = {
    "127.0.0.1:4200/api": (2, "is not an HTTP address. Set it to an address such as http://127.0"),
    "http://127.0.0.1:port/api": (2, "is not an HTTP address. Set it to an address such as http"),
    "http://absent.invalid:4200/api": (2, "names the machine 'absent.invalid', which is not known"),
    "http://127.0.0.1:9/api": (1, "does not answer ([Errno 111] Connection refused). Start it"),
    "{another}/api": (2, "/api is not a Prefect server. Set PREFECT_API_URL to an address such"),
    "{another}/locked/api": (2, "refuses these credentials. Set PREFECT_API_AUTH_STRING"),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_wrong_address_is_reported_with_its_reason(address, another, capsys):
    code, message = ADDRESSES[address]
    url = address.replace("{another}", another)
    exit_code, line = refused(
        capsys, {PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: "admin:wrong"}
    )
    assert (
        exit_code,
        message in line,
        line.endswith("or add --direct to run without Prefect."),
    ) == (
        code,
        True,
        True,
    )


def test_address_of_a_real_server_without_its_ending_is_completed(
    client: SyncPrefectClient, capsys
):
    whole = str(client.api_url).rstrip("/")
    code, line = refused(capsys, {PREFECT_API_URL: whole.removesuffix("/api")})
    assert code == 2
    assert f"Set PREFECT_API_URL to {whole}, " in line


@pytest.mark.parametrize(("port", "code"), [("9", 1), ("port", 2)])
def test_password_in_an_address_is_not_shown(port, code, capsys):
    with temporary_settings({PREFECT_API_URL: f"http://user:hidden@127.0.0.1:{port}/api"}):
        assert main(["ingest", "--store", "not-made"]) == code
    assert "hidden" not in capsys.readouterr().err


def test_proxy_before_another_machine_is_named(monkeypatch, capsys):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    code, line = refused(capsys, {PREFECT_API_URL: "http://absent.invalid/api"})
    assert code == 1
    assert "does not answer through the proxy http://127.0.0.1:9 ([Errno 111]" in line
    assert "Add absent.invalid to NO_PROXY" in line


def test_proxy_that_cannot_be_used_is_named(monkeypatch, capsys):
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:9")
    code, line = refused(capsys, {PREFECT_API_URL: "http://127.0.0.1:9/api"})
    assert code == 2
    assert "Correct or unset ALL_PROXY" in line


def test_folder_of_prefect_that_cannot_be_made_is_named(capsys):
    code, line = refused(capsys, {PREFECT_API_URL: None, PREFECT_HOME: "/proc/absent"})
    assert code == 2
    assert line.startswith("aeflow: Prefect cannot write to its folder '/proc/absent': No such")
    assert "Set HOME or PREFECT_HOME" in line


def test_server_that_may_not_be_started_is_reported(capsys):
    code, line = refused(capsys, {PREFECT_API_URL: None, PREFECT_SERVER_EPHEMERAL_ENABLED: False})
    assert code == 2
    assert "PREFECT_SERVER_EPHEMERAL_ENABLED = false forbids an embedded one" in line


def test_unknown_profile_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("PREFECT_PROFILE", "absent")
    code, line = refused(capsys, {})
    assert code == 2
    assert line.startswith("aeflow: PREFECT_PROFILE = 'absent' is not a Prefect profile. Choose")


BEFORE_PREFECT = {
    "HOME=~": "Prefect needs a home folder, and this user has none. Set HOME to a folder",
    "SSL_CERT_FILE=/absent": "SSL_CERT_FILE names '/absent', which does not exist. Correct or",
    "PREFECT_LOGGING_LEVEL=absent": "Prefect refuses its setting LoggingSettings.level = 'ABSENT'",
}


@pytest.mark.parametrize("setting", BEFORE_PREFECT)
def test_setting_that_prevents_the_import_of_prefect_is_reported(setting, tmp_path):
    name, _, value = setting.partition("=")
    done = ingested(tmp_path, **{name: value})
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"aeflow: {BEFORE_PREFECT[setting]}")
    assert not (tmp_path / "store").exists()


def test_server_of_our_own_is_asked_past_a_proxy_and_its_folder_is_made(tmp_path):
    with socket.socket() as proxy:  # listens, and never answers
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        done = ingested(
            tmp_path, HTTP_PROXY=address, all_proxy=address, PREFECT_HOME=str(tmp_path / "a" / "b")
        )
    assert done.returncode == 0, done.stderr
    (manifest,) = manifests_of(Dataset, Store(tmp_path / "store"))
    assert sum(manifest.artifact["rows"].values()) == 1797
    assert (tmp_path / "a" / "b" / "prefect.db").exists()


def ingested(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [AEFLOW, "ingest", "--source", "digits", "--store", folder / "store"],
        env={**inherited, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
