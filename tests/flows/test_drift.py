"""Drift on a real server: the automation retrains the dataset that drifted, and no other."""

import time
from uuid import UUID

import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from sklearn.datasets import load_digits

from aeflow.configs import IngestConfig, ModelConfig, PipelineConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from flows.single_stages import measure_drift

QUICK = {"train": {"epochs": 3}}


@pytest.fixture(scope="module")
def watched(deployed, client, tmp_path_factory) -> tuple[str, str, str]:
    """Returns two sources with rows unlike those of a model, and the key of the model."""
    folder = tmp_path_factory.mktemp("watched")
    digits = load_digits().images[:600].astype(np.uint8)
    np.savez(folder / "usual.npz", x_train=digits)
    np.savez(folder / "first.npz", x_train=16 - digits)
    np.savez(folder / "second.npz", x_train=15 - digits // 2)
    store = Store(deployed)
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{folder / 'usual.npz'}"))
    config, model_config = TrainConfig(epochs=3), ModelConfig(latent_dim=8)
    model = train(Context(store), dataset, config, model_config=model_config)
    return f"npz:{folder / 'first.npz'}", f"npz:{folder / 'second.npz'}", model.key


def runs_of(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """Returns the runs of a deployment, without those of its nightly schedule."""
    deployment_filter = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    runs = client.read_flow_runs(deployment_filter=deployment_filter)
    return [run for run in runs if not run.auto_scheduled]


def started_by_drift(
    client: SyncPrefectClient, deployment: UUID, source: str, store: str, model: str
) -> FlowRun:
    """Measures drift, and returns the run of the deployment that the server starts for it."""
    before = {run.id for run in runs_of(client, deployment)}
    config = PipelineConfig.model_validate({"ingest": {"source": source}, **QUICK})
    outcome = measure_drift(config, store, model=model)
    assert outcome["drift"]["drifted"]
    end = time.monotonic() + 60
    while True:
        new = [run for run in runs_of(client, deployment) if run.id not in before]
        if new:
            break
        assert time.monotonic() < end
        time.sleep(0.5)
    (run,) = new
    client.delete_flow_run(run.id)
    assert run.created_by
    assert run.created_by.type == "AUTOMATION"
    return run


def test_a_dataset_without_a_deployment_is_retrained_with_the_config_of_its_measurement(
    deployed, client, watched
):
    source, _, model = watched
    nightly = client.read_deployment_by_name("retrain/digits")
    run = started_by_drift(client, nightly.id, source, deployed, model)
    assert run.parameters == {
        "config": {"ingest": {"source": source}, **QUICK},
        "store": deployed,
        "train_on": "train-autoencoder/cpu",
    }


def test_a_dataset_with_a_deployment_is_retrained_with_the_parameters_of_that(
    deployed, client, watched
):
    _, source, model = watched
    nightly = client.read_deployment_by_name("retrain/digits")
    parameters = {"config": {"ingest": {"source": source}}, "store": deployed}
    own = client.create_deployment(nightly.flow_id, "own", parameters=parameters)
    before = runs_of(client, nightly.id)
    try:
        run = started_by_drift(client, own, source, deployed, model)
    finally:
        client.delete_deployment(own)
    assert run.parameters == parameters
    assert runs_of(client, nightly.id) == before
