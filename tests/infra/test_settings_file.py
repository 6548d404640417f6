"""The file of the service: written once from the environment, and what it refuses."""

from pathlib import Path

import pytest

from aeflow.errors import ConfigError
from infra.settings import Settings
from infra.settings_file import (
    check_environment,
    name_of,
    of_environment,
    read,
    write,
    write_first,
)

SHELL = {
    "AEFLOW_SOURCE": "npz:/data/my-data.npz",
    "AEFLOW_TIMEZONE": "Europe/Berlin",
    "AEFLOW_PORT": "4300",
    "AEFLOW_POOLS": "control, cpu",
    "AEFLOW_CPU_LIMIT": "3",
}
DATASET = '[datasets.my-data]\nsource = "digits"\n'


def test_first_start_writes_what_the_shell_says_and_later_ones_leave_it(tmp_path, monkeypatch):
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    write_first(tmp_path, "/data/store")
    path = tmp_path / "service.toml"
    before = path.read_text("utf-8")
    monkeypatch.setenv("AEFLOW_PORT", "4400")
    write_first(tmp_path, "/data/store")
    assert path.read_text("utf-8") == before
    settings = read(path)
    assert (settings.service.port, settings.service.pools) == (4300, ("control", "cpu"))
    assert settings.datasets["my-data"].timezone == "Europe/Berlin"
    assert Settings.of(settings.variables).pools == ("control", "cpu")


def test_every_line_of_the_file_says_what_it_is_for(tmp_path):
    write(tmp_path / "file", of_environment({}))
    lines = (tmp_path / "file").read_text("utf-8").splitlines()
    keys = [line for line in lines if " = " in line or " =  " in line]
    assert len(keys) > 20
    assert [line for line in keys if "  # " not in line] == []


def test_written_settings_are_read_again(tmp_path):
    settings = of_environment({**SHELL, "AEFLOW_STORE": 'a "b" \\ ü'})
    write(tmp_path / "file", settings)
    assert read(tmp_path / "file") == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{DATASET}sorce = 'x'", "datasets.my-data.sorce is unknown. Remove it, or correct"),
        (f"[service]\nport = 70000\n{DATASET}", "service.port = 70000 is not allowed: "),
        (
            f"{DATASET}timezone = 'Mars'",
            "datasets.my-data.timezone = 'Mars' is not allowed: a time",
        ),
        (f"{DATASET}cron = 'nightly'", "datasets.my-data.cron = 'nightly' is not allowed: "),
        (f"{DATASET}fresh = 'soon'", "datasets.my-data.fresh = 'soon' is not allowed: "),
        (f"{DATASET}[datasets.my-data.encode]", "datasets.my-data.encode is unknown. Remove it"),
        ("[service]\nport = 4200", "datasets is missing. Add it"),
    ],
)
def test_nonsense_is_refused_with_its_file_and_its_key(tmp_path, text: str, message: str):
    path = tmp_path / "service.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {message}")
    assert "\n" not in str(raised.value)


def test_file_that_is_not_toml_is_refused(tmp_path):
    (tmp_path / "service.toml").write_text("[service", "utf-8")
    with pytest.raises(ConfigError, match=r"^Cannot read '"):
        read(tmp_path / "service.toml")


def shell(home: Path, **variables: str) -> dict[str, str]:
    write(home / "service.toml", of_environment({**SHELL, "AEFLOW_STORE": str(home / "store")}))
    return {"AEFLOW_HOME": str(home), **variables}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        SHELL,
        {"AEFLOW_TENSORBOARD_URL": "http://127.0.0.1:6006", "AEFLOW_PORT": ""},
        {"AEFLOW_LOG": "of another program"},
    ],
)
def test_variables_that_agree_with_the_file_are_accepted(tmp_path, variables: dict[str, str]):
    check_environment(shell(tmp_path, **variables))


def test_store_may_be_spelled_in_several_ways(tmp_path):
    check_environment(shell(tmp_path, AEFLOW_STORE=f"file://{tmp_path}/store"))


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("AEFLOW_PORT", "4400", "'4300'"),
        ("AEFLOW_SOURCE", "digits", "'npz:/data/my-data.npz'"),
        ("AEFLOW_DATABASE", "sqlite", "nothing"),
        ("AEFLOW_REPORT_URL", "https://reports.example", "'http://127.0.0.1:6007'"),
    ],
)
def test_variable_that_differs_is_refused_with_both_values(tmp_path, name, value, kept):
    with pytest.raises(ConfigError) as raised:
        check_environment(shell(tmp_path, **{name: value}))
    assert str(raised.value) == (
        f"{name} is '{value}' in the environment, but {kept} in '{tmp_path}/service.toml'. Unset "
        "the variable, or change the file."
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("digits", "digits"),
        ("npz:/data/my-data.npz", "my-data"),
        ("csv:/data/{date}.csv", "csv"),
        ("parquet:/data/sales-{date:%Y-%m-%d}", "sales"),
        ("tfds:fashion_mnist:3.0.1", "fashion_mnist"),
        ("images:/data/photos", "photos"),
    ],
)
def test_name_of_a_dataset_is_that_of_its_source(source: str, name: str):
    assert name_of(source) == name
