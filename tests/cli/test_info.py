"""`aeflow info` describes the installation, and reports what it cannot reach."""

import json

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from aeflow.configs import IngestConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from flows.cli import main


def facts_of(capsys, *options: str) -> dict:
    assert main(["info", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def no_server(monkeypatch, tmp_path):
    """A folder of its own, and the address of a Prefect server at which nothing listens."""
    monkeypatch.chdir(tmp_path)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield


def test_it_names_versions_extras_and_the_processor(capsys, no_server):
    facts = facts_of(capsys)
    assert facts["libraries"]["tensorflow"].startswith("2.21.")
    assert (facts["extras"]["s3"], facts["extras"]["gpu"]) == (True, False)
    assert facts["processor"]
    assert facts["threads"] >= 1


def test_an_empty_store_leads_to_the_first_run(capsys, no_server):
    facts = facts_of(capsys)
    assert facts["store_holds"] == {"datasets": 0, "models": 0, "features": 0, "champions": 0}
    assert facts["next"].startswith("aeflow run --source")


def test_it_counts_what_the_store_holds(capsys, no_server, tmp_path):
    ingest(Context(Store(tmp_path / "store")), IngestConfig(source="digits"))
    facts = facts_of(capsys, "--store", str(tmp_path / "store"))
    assert facts["store_holds"]["datasets"] == 1


def test_a_server_that_does_not_answer_is_reported_in_its_line(capsys, no_server):
    assert main(["info"]) == 0
    line = next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith("prefect server")
    )
    assert "http://127.0.0.1:9/api does not answer" in line
    assert "Start it" in line


def test_a_store_that_cannot_be_read_is_reported_in_its_line(capsys, no_server):
    facts = facts_of(capsys, "--store", "ftp://machine/store")
    assert facts["store_holds"].startswith("cannot be read: ")
    assert "--store" in facts["next"]
