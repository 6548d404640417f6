"""A dated source in a flow: its date is the one that the run was scheduled for."""

from datetime import UTC, datetime

import numpy as np
from prefect.client.orchestration import SyncPrefectClient
from prefect.flow_engine import run_flow
from prefect.states import Scheduled

from aeflow.configs import IngestConfig, PipelineConfig
from flows.single_stages import ingest_dataset


def test_date_in_a_source_is_that_of_the_schedule(client: SyncPrefectClient, tmp_path):
    x_train = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    np.savez(tmp_path / "2026-11-05.npz", x_train=x_train)
    config = PipelineConfig(ingest=IngestConfig(source=f"npz:{tmp_path}/{{date}}.npz"))
    parameters = {"config": config, "store": str(tmp_path / "store")}
    late = Scheduled(scheduled_time=datetime(2026, 11, 5, 23, 30, tzinfo=UTC))
    run = client.create_flow_run(ingest_dataset, parameters=parameters, state=late)
    outcome = run_flow(ingest_dataset, flow_run=run, parameters=parameters)
    assert outcome["dataset"]["name"] == "2026-11-05"
