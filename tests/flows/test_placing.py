"""Training on the workers of a deployment, and how its end affects the run that waits."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ParameterTypeError
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Crashed, Failed

from aeflow.artifacts import Evaluation, Model
from aeflow.configs import EvaluateConfig
from aeflow.errors import AeflowError, ConfigError
from aeflow.storage import Store
from flows.cli.ending import Terminated, terminated
from flows.pipeline import pipeline
from flows.recipes.outcome import Outcome

from .conftest import CONFIG

ON = "train-autoencoder/cpu"
WAITING = {
    "flow_run_filter": FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    ),
    "deployment_filter": DeploymentFilter(name=DeploymentFilterName(any_=["cpu"])),
}
"""Selects runs of this deployment, because drift in another test may start a retraining."""


class Worker(threading.Thread):
    """Takes the one run that is scheduled and calls `work` with it."""

    def __init__(self, work: Callable[[SyncPrefectClient, FlowRun], None]):
        super().__init__(daemon=True)
        self.work = work
        self.taken: UUID | None = None

    def run(self) -> None:
        with get_client(sync_client=True) as client:
            end = time.monotonic() + 120
            while not (waiting := client.read_flow_runs(**WAITING)):
                assert time.monotonic() < end
                time.sleep(0.2)
            self.taken = waiting[0].id
            self.work(client, waiting[0])


def ending(state: State) -> Callable[[SyncPrefectClient, FlowRun], None]:
    return lambda client, run: client.set_flow_run_state(run.id, state, force=True) and None


def carry_out(_client: SyncPrefectClient, run: FlowRun) -> None:
    """Does what a process worker does, without another connection to the run that waits."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    subprocess.run(
        [sys.executable, "-m", "prefect.engine"],
        env={**os.environ, **settings, "PREFECT__FLOW_RUN_ID": str(run.id)},
        check=False,
    )


def test_training_elsewhere_is_a_subflow_and_its_answer_is_in_the_store(deployed, client, tmp_path):
    Worker(carry_out).start()
    state = pipeline(CONFIG, str(tmp_path), train_on=ON, return_state=True)
    outcome = Outcome.model_validate(state.result())
    assert outcome.model
    assert Store(tmp_path).manifest(outcome.model.address).artifact == outcome.model.to_json()
    parent = FlowRunFilterParentFlowRunId(any_=[state.state_details.flow_run_id])
    (child,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    assert child.name == "train dense/plain"
    assert child.work_pool_name == "cpu"
    assert child.parameters["dataset"] == outcome.dataset.address


def test_training_elsewhere_is_evaluated_on_out_of_distribution_rows_too(deployed, tmp_path):
    np.savez(tmp_path / "ood.npz", x_train=np.random.default_rng(0).integers(0, 17, (60, 8, 8)))
    evaluate = EvaluateConfig(ood_source=f"npz:{tmp_path / 'ood.npz'}")
    config = CONFIG.model_copy(update={"evaluate": evaluate})
    Worker(carry_out).start()
    store = str(tmp_path / "store")
    outcome = Outcome.model_validate(pipeline(config, store, train_on=ON))
    assert outcome.evaluation
    assert "ood_auroc_error" in outcome.evaluation.metrics
    assert len([*(tmp_path / "store" / Evaluation.folder).iterdir()]) == 1


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (Failed(message="ConfigError: No\nkey."), "Failed: ConfigError: No key."),
        (Crashed(message="Exit code -9."), "Crashed: Exit code -9."),
        (Cancelled(message="By hand."), "Cancelled: By hand."),
        (Failed(), "Failed: no reason was given"),
    ],
)
def test_run_that_waited_fails_with_the_message_of_the_other(deployed, tmp_path, state, message):
    Worker(ending(state)).start()
    with pytest.raises(AeflowError) as raised:
        pipeline(CONFIG, str(tmp_path), train_on=ON)
    assert str(raised.value) == f"The training run of '{ON}' ended as {message}"


def test_worker_that_cannot_read_the_store_fails_at_once(deployed, tmp_path):
    """As if one path were two folders on two machines: here the dataset is moved away."""

    def elsewhere(client: SyncPrefectClient, run: FlowRun) -> None:
        (tmp_path / "datasets").rename(tmp_path / "kept")
        carry_out(client, run)

    Worker(elsewhere).start()
    with pytest.raises(
        AeflowError, match=f"ended as Failed: .*No artifact has the key .*{tmp_path}"
    ):
        pipeline(CONFIG, str(tmp_path), train_on=ON)
    assert not (tmp_path / Model.folder).exists()


def test_worker_that_writes_elsewhere_is_reported(deployed, tmp_path):
    Worker(ending(Completed())).start()
    with pytest.raises(ConfigError) as raised:
        pipeline(CONFIG, str(tmp_path), train_on=ON)
    assert str(raised.value).startswith(
        f"The worker of '{ON}' does not write to the store {tmp_path}: the training run "
        "completed, but the store does not have 'models/"
    )


def test_deployment_that_is_not_there_is_named(deployed, tmp_path):
    with pytest.raises(ConfigError, match="There is no deployment 'train-autoencoder/tpu'"):
        pipeline(CONFIG, str(tmp_path), train_on="train-autoencoder/tpu")


def test_another_flow_cannot_train(server: None, tmp_path):
    with pytest.raises(ParameterTypeError, match="train_on"):
        pipeline(CONFIG, str(tmp_path), train_on="pipeline/on-demand")
    assert list(tmp_path.iterdir()) == []


def test_run_that_is_stopped_cancels_the_one_it_waits_for(deployed, client, tmp_path: Path):
    worker = Worker(lambda _client, _run: os.kill(os.getpid(), signal.SIGTERM))
    worker.start()
    with pytest.raises(Terminated), terminated():
        pipeline(CONFIG, str(tmp_path), train_on=ON)
    assert worker.taken
    state = client.read_flow_run(worker.taken).state
    assert state
    assert state.is_cancelled()
