"""The name and the tags of a retraining run on a Prefect server."""

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.context import SyncClientContext
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from aeflow.artifacts import Dataset
from aeflow.configs import IngestConfig, PipelineConfig
from aeflow.schema import ExampleSchema
from flows.recipes.outcome import Retraining
from flows.server.naming import run_name, show_outcome

CONFIG = PipelineConfig(ingest=IngestConfig(source="digits"))
DATASET = Dataset(
    key="k",
    digest="d",
    name="my-data",
    example_schema=ExampleSchema(shape=(4,), dtype="float32"),
    rows={"train": 1},
)
REFUSED = Retraining(dataset=DATASET, mse_change=0.08, ending="Refused", reason="It is worse.")
UNCHANGED = Retraining(dataset=DATASET, ending="Unchanged", reason="The champion stays.")
NOWHERE = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}


@flow(flow_run_name=run_name)
def refused(config: PipelineConfig) -> str | None:
    show_outcome(REFUSED, config)
    return flow_run.name


@flow(flow_run_name=run_name)
def unchanged(config: PipelineConfig) -> None:
    show_outcome(UNCHANGED, config)


@flow(flow_run_name=run_name)
def without_a_server(config: PipelineConfig) -> None:
    # Without this context, `get_client` would return the client of the run.
    with SyncClientContext(httpx_settings={"timeout": 5}), temporary_settings(NOWHERE):
        show_outcome(REFUSED, config)


def run(
    client: SyncPrefectClient, carried_out: flow, name: str | None, *tags: str
) -> tuple[FlowRun, str | None]:
    """Runs a flow as a run with a name and tags. Returns the run at its end, and its result."""
    created = client.create_flow_run(
        carried_out, parameters={"config": CONFIG}, name=name, tags=list(tags)
    )
    result = run_flow(carried_out, flow_run=created, parameters={"config": CONFIG})
    return client.read_flow_run(created.id), result


def test_generated_name_is_the_source_and_then_the_outcome(client: SyncPrefectClient):
    ended, name_before = run(client, refused, None, "aeflow")
    assert name_before == "digits dense/plain"
    assert ended.name == "my-data: refused, MSE +8 % vs PCA"
    assert set(ended.tags) == {"aeflow", "dataset:my-data", "outcome:refused", "look"}


@pytest.mark.parametrize("typed", ["Larger latent", "run-3", "my-data: a trial", "try-this-one"])
def test_typed_name_is_kept_and_has_tags(client: SyncPrefectClient, typed: str):
    ended, name_before = run(client, refused, typed)
    assert (name_before, ended.name) == (typed, typed)
    assert "outcome:refused" in ended.tags


@pytest.mark.parametrize("name", ["digits dense/plain", "my-data: refused, MSE +8 % vs PCA"])
def test_run_that_is_started_again_shows_its_last_outcome(client: SyncPrefectClient, name: str):
    ended, _ = run(client, unchanged, name, "aeflow", "dataset:old", "outcome:refused", "look")
    assert ended.name == "my-data: unchanged"
    assert set(ended.tags) == {"aeflow", "dataset:my-data", "outcome:unchanged"}


def test_server_that_is_away_fails_no_run(client: SyncPrefectClient, caplog):
    ended, _ = run(client, without_a_server, None)
    assert ended.state_name == "Completed"
    assert (ended.name, ended.tags) == ("digits dense/plain", [])
    assert "the name and the tags of this run do not show its outcome" in caplog.text


def test_log_says_the_outcome(client: SyncPrefectClient, caplog):
    run(client, refused, None)
    assert "my-data: refused, MSE +8 % vs PCA. Refused: It is worse." in caplog.messages
