"""The lock of the running service, its ports, its folders and its client file."""

import os
import socket

import pytest

from aeflow.errors import ConfigError
from infra.postgres import find_postgres
from infra.running import check_ports, holder, locked, make_folders, write_client
from infra.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    new_settings = Settings.of(
        {"AEFLOW_HOME": str(tmp_path / "home"), "AEFLOW_STORE": str(tmp_path / "s")}
    )
    make_folders(new_settings)
    return new_settings


def test_service_is_held_by_one_process(settings: Settings):
    assert holder(settings) is None
    with locked(settings):
        holder_identity = holder(settings)
        assert holder_identity
        assert holder_identity["pid"] == os.getpid()
        with pytest.raises(ConfigError, match="aeflow is already running"), locked(settings):
            pass


@pytest.mark.parametrize("name", ["AEFLOW_TENSORBOARD_PORT", "AEFLOW_REPORT_PORT"])
def test_taken_port_is_named_with_the_setting_that_moves_it(name: str):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        settings = Settings.of({name: str(port)})
        with pytest.raises(ConfigError, match=f"Port {port} is taken. Set {name}"):
            check_ports(settings, None)


def test_client_file_names_the_secret_and_does_not_hold_it(settings: Settings):
    settings.secrets.write_text("PREFECT_API_AUTH_STRING=admin:hidden\n")
    write_client(settings)
    assert "hidden" not in settings.client.read_text()
    shell = f". {settings.client}; echo $PREFECT_API_URL $PREFECT_API_AUTH_STRING $AEFLOW_STORE"
    with os.popen(shell) as output:
        assert output.read().split() == [
            "http://127.0.0.1:4200/api",
            "admin:hidden",
            str(settings.store),
        ]


def test_client_file_exempts_this_machine_from_a_proxy_and_what_was_exempt(settings: Settings):
    write_client(settings)
    shell = f"no_proxy=a.b NO_PROXY=c.d; . {settings.client}; echo $NO_PROXY $no_proxy"
    with os.popen(shell) as output:
        assert output.read().split() == ["127.0.0.1,localhost,::1,a.b,c.d"] * 2


def test_postgres_may_step_into_new_folders_whatever_the_umask(tmp_path):
    home = tmp_path / "new" / "home"
    before = os.umask(0o077)
    try:
        make_folders(Settings.of({"AEFLOW_HOME": str(home), "AEFLOW_STORE": str(tmp_path / "s")}))
    finally:
        os.umask(before)
    modes = [folder.stat().st_mode & 0o777 for folder in (home.parent, home, home / "logs")]
    assert modes == [0o711, 0o711, 0o700]


def test_data_of_another_postgres_are_not_touched(settings: Settings, tmp_path):
    (settings.home / "postgres").mkdir()
    (settings.home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match="was created by PostgreSQL 9, which is not installed"):
        find_postgres(settings)
