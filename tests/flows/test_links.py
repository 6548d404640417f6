"""The links of a page: an address if one is known, else the command to type."""

import pytest

from aeflow.artifacts import Publication
from flows.pages import report_line, tensorboard_line

PUBLICATION = Publication(key="0123456789abcdef", digest="a")


@pytest.fixture
def store(monkeypatch, tmp_path) -> str:
    """A store that the addresses in the environment show."""
    store = str(tmp_path / "my store")
    monkeypatch.setenv("AEFLOW_STORE", store)
    monkeypatch.setenv("AEFLOW_REPORT_URL", "https://reports.example/")
    monkeypatch.setenv("AEFLOW_TENSORBOARD_URL", "http://127.0.0.1:6006")
    return store


def test_known_addresses_are_links(store: str):
    assert report_line(PUBLICATION, store) == (
        "[Open the report](https://reports.example/publications/0123456789abcdef/report.html)"
    )
    assert tensorboard_line("logs/0123", store) == (
        "[Open TensorBoard](http://127.0.0.1:6006/?runFilter=logs/0123#timeseries)"
    )


def test_without_addresses_there_are_commands(store: str, monkeypatch):
    for name in ("AEFLOW_REPORT_URL", "AEFLOW_TENSORBOARD_URL"):
        monkeypatch.delenv(name)
    assert report_line(PUBLICATION, store) == (
        f"The report is the file `{store}/publications/0123456789abcdef/report.html`. "
        f"Its lineage: `aeflow show 0123456789abcdef --store '{store}'`"
    )
    assert tensorboard_line("logs/0123", store) == (
        f"TensorBoard: run `aeflow tensorboard --store '{store}'` and select the run `logs/0123`"
    )


@pytest.mark.parametrize("address", ["", "file:///data/store", "javascript:alert(1)"])
def test_an_address_that_is_not_http_is_never_linked(store: str, monkeypatch, address: str):
    monkeypatch.setenv("AEFLOW_REPORT_URL", address)
    assert "](" not in report_line(PUBLICATION, store)


def test_for_another_store_the_addresses_are_not_used(store: str):
    assert "](" not in report_line(PUBLICATION, f"{store}-of-mine")


def test_without_a_named_store_the_addresses_are_used(store: str, monkeypatch):
    monkeypatch.delenv("AEFLOW_STORE")
    assert "](https://" in report_line(PUBLICATION, store)
