"""The settings of the service: their defaults, and the values that are refused."""

import pytest

from aeflow.errors import ConfigError
from infra.settings import Settings


def test_nothing_need_be_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings.of({})
    assert (settings.home, settings.store) == (tmp_path / ".aeflow", tmp_path / "aeflow-store")
    assert settings.url == "http://127.0.0.1:4200"
    assert settings.pools == ("control", "cpu", "gpu")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AEFLOW_PORT", "70000", "AEFLOW_PORT = '70000' is not allowed. Set a number from 1"),
        ("AEFLOW_PORT", "http", "AEFLOW_PORT = 'http' is not allowed"),
        ("AEFLOW_SERVERS", "0", "AEFLOW_SERVERS = '0' is not allowed. Set a number from 1 to 9."),
        ("AEFLOW_LOG_BYTES", "0", "AEFLOW_LOG_BYTES = '0' is not allowed"),
        ("AEFLOW_DATABASE", "mysql", "Unknown AEFLOW_DATABASE 'mysql'. Choose one of: postgresql"),
        ("AEFLOW_STORE", "s3://b/x", "AEFLOW_STORE = 's3://b/x' is not a folder, and the service"),
        (
            "AEFLOW_POOLS",
            "cpu,tpu",
            "AEFLOW_POOLS has the unknown pool 'tpu'. Choose from: control",
        ),
    ],
)
def test_nonsense_is_refused(name: str, value: str, message: str):
    with pytest.raises(ConfigError) as raised:
        Settings.of({name: value})
    assert str(raised.value).startswith(message)


def test_store_may_be_a_file_url(tmp_path):
    assert Settings.of({"AEFLOW_STORE": f"file://{tmp_path}/a%20b"}).store == tmp_path / "a b"
