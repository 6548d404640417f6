"""The pipeline on a real Prefect server: its runs, names, tags, log, and what it returns."""

import json
import os
import signal
import time

import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.settings import PREFECT_API_URL, temporary_settings

from aeflow.configs import IngestConfig, PipelineConfig, TrainConfig
from aeflow.errors import SourceError
from aeflow.progress import Progress
from flows.cli import main
from flows.cli.ending import Terminated, terminated
from flows.pipeline import pipeline
from flows.recipes import pipeline as recipe
from flows.recipes.here import Here
from flows.server.listening import listening

from .conftest import CONFIG, Ran


def test_outcome_is_plain_json_with_every_artifact(ran: Ran):
    parts = json.loads(json.dumps(ran.outcome.to_json()))
    assert list(parts) == ["dataset", "model", "evaluation", "features", "publication"]


def test_recipe_without_prefect_ends_in_the_same_keys(ran: Ran, tmp_path):
    plain = recipe.pipeline(CONFIG, Here(str(tmp_path / "store"), CONFIG.runtime))
    keys = {name: artifact.key for name, artifact in plain.artifacts().items()}
    assert keys == {name: artifact.key for name, artifact in ran.outcome.artifacts().items()}


def test_task_runs_have_names_and_tags(ran: Ran, client: SyncPrefectClient):
    runs = {run.name: set(run.tags) for run in _task_runs(ran, client)}
    assert (
        runs.items()
        >= {
            "ingest digits": {"ingest", "cpu"},
            "train digits dense/plain": {"train", "accelerated"},
            "evaluate digits dense/plain": {"evaluate", "accelerated"},
            "encode digits dense/plain": {"encode", "accelerated"},
            "publish digits dense/plain": {"publish", "cpu"},
        }.items()
    )


def test_training_is_a_subflow(ran: Ran, client: SyncPrefectClient):
    children = _children(ran, client)
    assert [child.name for child in children] == ["train dense/plain"]


def test_log_of_the_library_reaches_the_server(ran: Ran, client: SyncPrefectClient):
    expected = "evaluate: committed evaluations/"
    end = time.monotonic() + 30
    while not any(expected in message for message in _messages(ran, client)):
        assert time.monotonic() < end, _messages(ran, client)
        time.sleep(0.5)


def test_error_of_a_stage_leaves_the_flow_as_it_is(server: None, tmp_path):
    config = PipelineConfig(ingest=IngestConfig(source=f"npz:{tmp_path}/nowhere.npz"))
    with pytest.raises(SourceError, match=r"nowhere\.npz"):
        pipeline(config, str(tmp_path / "store"))


def test_sigterm_stops_training_with_its_work_kept(server: None, tmp_path):
    def stop(progress: Progress) -> None:
        if progress.stage == "train" and progress.done:
            os.kill(os.getpid(), signal.SIGTERM)

    config = PipelineConfig(train=TrainConfig(epochs=50_000))
    with pytest.raises(Terminated), terminated(), listening(stop):
        pipeline(config, str(tmp_path))
    assert len(list(tmp_path.glob("models/*.partial/_work/*"))) > 0


def test_command_goes_through_the_server(server: None, tmp_path, capsys):
    assert main(["ingest", "--json", "--store", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert list(json.loads(printed.out.splitlines()[-1])["dataset"]) == ["key", "path"]
    assert printed.err.splitlines()[1] == "prefect: answers"


def test_mistake_in_the_data_is_one_line_through_the_server_too(server: None, tmp_path, capsys):
    np.savez(tmp_path / "nan.npz", x_train=np.full((50, 4), np.nan, np.float32))
    store = tmp_path / "store"
    source = f"npz:{tmp_path}/nan.npz"
    assert main(["ingest", "--source", source, "--store", str(store)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "prefect: answers"
    assert lines[-1].startswith("aeflow: 50 of 50 rows are bad, 0 are allowed")
    assert [line for line in lines if line.startswith("aeflow: ")] == lines[-1:]
    assert not store.exists()


def test_mistake_in_the_source_is_reported_before_a_server_is_used(server: None, tmp_path, capsys):
    assert main(["ingest", "--source", "nowhere", "--store", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "aeflow: Unknown source 'nowhere'. Choose one of: digits, mnist, fashion_mnist, "
        "tfds:NAME[:VERSION], images:FOLDER, parquet:PATH, csv:PATH, npz:FILE, idx:FOLDER, "
        "arrow:FOLDER."
    ]


def test_server_that_is_away_is_one_line(tmp_path, capsys):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert main(["ingest", "--store", str(tmp_path)]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("aeflow: The Prefect server at http://127.0.0.1:9/api does not answer")
    assert "--direct" in line


def _children(ran: Ran, client: SyncPrefectClient):
    parent = FlowRunFilterParentFlowRunId(any_=[ran.flow_run_id])
    return client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))


def _ids(ran: Ran, client: SyncPrefectClient):
    return [ran.flow_run_id, *(child.id for child in _children(ran, client))]


def _task_runs(ran: Ran, client: SyncPrefectClient):
    """Returns the task runs, which the server writes from events, a moment after the run."""
    flows = FlowRunFilter(id=FlowRunFilterId(any_=_ids(ran, client)))
    end = time.monotonic() + 30
    runs = []
    while len(runs) < 6 and time.monotonic() < end:
        runs = client.read_task_runs(flow_run_filter=flows)
        time.sleep(0.2)
    return runs


def _messages(ran: Ran, client: SyncPrefectClient) -> list[str]:
    logs = LogFilter(flow_run_id=LogFilterFlowRunId(any_=_ids(ran, client)))
    return [log.message for log in client.read_logs(log_filter=logs)]
