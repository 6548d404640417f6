"""One Prefect server for the session, and one pipeline that ran on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.testing.utilities import prefect_test_harness

from aeflow.configs import PipelineConfig, TrainConfig
from deployments.apply import apply
from flows.pipeline import pipeline
from flows.recipes.outcome import Outcome

CONFIG = PipelineConfig(train=TrainConfig(epochs=2))


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="session")
def client(server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


@dataclass(frozen=True)
class Ran:
    """Holds the store that a flow wrote to, its outcome and the id of its run."""

    store: str
    outcome: Outcome
    flow_run_id: UUID


@pytest.fixture(scope="session")
def ran(client: SyncPrefectClient, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    store = str(tmp_path_factory.mktemp("flows") / "store")
    state = pipeline(CONFIG, store, return_state=True)
    outcome = Outcome.model_validate(state.result())
    assert state.state_details.flow_run_id is not None
    return Ran(store, outcome, state.state_details.flow_run_id)


@pytest.fixture(scope="session")
def deployed(client: SyncPrefectClient, tmp_path_factory) -> str:
    """Applies our pools and deployments, and returns their store, which is a new folder."""
    store = str(tmp_path_factory.mktemp("deployments"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AEFLOW_STORE", store)
        apply()
    return store
