"""Progress pages: one for each stage, updated from time to time, never stopping it."""

import time
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact, State
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from aeflow.configs import IngestConfig, PipelineConfig
from aeflow.progress import Progress
from flows.server.live import ProgressPage
from flows.single_stages import ingest_dataset


def pages(client: SyncPrefectClient, key: str):
    return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def test_page_ends_at_the_last_progress(client: SyncPrefectClient):
    @flow
    def counting() -> None:
        page = ProgressPage("counting")
        for done in range(101):
            page.show(Progress("count", done, 100, "row", metrics={"loss": 0.25}))

    counting()
    (page,) = pages(client, "counting")
    assert page.data == 100.0
    assert page.description == "count: 100 of 100 rows, loss 0.25"


def test_page_of_a_dataset_that_was_in_the_store_is_complete(
    client: SyncPrefectClient, tmp_path: Path
):
    lines = "".join(f"{row},{row}\n" for row in range(100))
    (tmp_path / "rows.csv").write_text(f"a,b\n{lines}")
    config = PipelineConfig(ingest=IngestConfig(source=f"csv:{tmp_path}"))
    store = str(tmp_path / "store")  # within the source: the stage reports that it leaves it out
    runs = [ingest_dataset(config, store, return_state=True) for _ in range(2)]
    assert page_of_run(client, runs[0]).description == "ingest: 100 of 100 rows"
    page = page_of_run(client, runs[1])
    assert (page.data, page.description) == (100.0, "ingest: the answer is in the store")


def page_of_run(client: SyncPrefectClient, state: State) -> Artifact:
    run = state.state_details.flow_run_id
    (page,) = [one for one in pages(client, "ingest-progress") if one.flow_run_id == run]
    return page


def test_many_progresses_are_few_updates(server: None):
    @flow
    def hurrying() -> float:
        page = ProgressPage("hurrying")
        page.show(Progress("hurry", 0, 10**6, "row"))
        start = time.monotonic()
        for done in range(2000):
            page.show(Progress("hurry", done, 10**6, "row"))
        return time.monotonic() - start

    assert hurrying() < 2.0  # 2,000 updates would take 20 s


@pytest.mark.filterwarnings("ignore:Artifact creation outside")
def test_server_that_is_away_stops_nothing():
    nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(nowhere):
        page = ProgressPage("away")
        start = time.monotonic()
        for done in range(100):
            page.show(Progress("away", done, 1000, "row"))
    assert time.monotonic() - start < 10.0
