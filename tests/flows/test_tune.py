"""Tuning on a real Prefect server: a task for each trial, and the same trials as without."""

import time
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from aeflow.configs import ModelConfig, PipelineConfig, TrainConfig, TuneConfig
from flows.recipes.outcome import Tuned
from flows.tune import tune

CONFIG = PipelineConfig(
    model=ModelConfig(latent_dim=4), train=TrainConfig(epochs=2), tune=TuneConfig(trials=2)
)


def test_each_trial_is_a_task_and_the_outcome_is_json(client: SyncPrefectClient, tmp_path):
    state = tune(CONFIG, str(tmp_path / "store"), return_state=True)
    outcome = Tuned.model_validate(state.result())
    assert sum(outcome.best.trials.values()) == 2
    assert outcome.best.toml.splitlines()[0] == f"# {outcome.best.sentence()}"
    assert {"trial 0 digits", "trial 1 digits"} <= names_of_tasks(
        client, state.state_details.flow_run_id
    )


def names_of_tasks(client: SyncPrefectClient, run: UUID) -> set[str]:
    """Returns the names of task runs, which the server writes a moment after the run."""
    flows = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    end = time.monotonic() + 30
    names: set[str] = set()
    while len(names) < 3 and time.monotonic() < end:
        names = {run.name for run in client.read_task_runs(flow_run_filter=flows)}
        time.sleep(0.2)
    return names
