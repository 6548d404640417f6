"""Retraining on a Prefect server: how its run ends, and what its pages show."""

import re

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.client.schemas.objects import Artifact

from aeflow.configs import GateConfig, ModelConfig, PipelineConfig, RetrainConfig, TrainConfig
from aeflow.registry.champions import history_of
from aeflow.registry.nights import nights_of
from aeflow.storage import Store
from flows.retrain import retrain

QUICK = PipelineConfig(model=ModelConfig(latent_dim=8), train=TrainConfig(epochs=30))


def test_every_run_is_completed_and_says_its_outcome(client: SyncPrefectClient, tmp_path):
    store = Store(tmp_path / "store")
    first = retrain(QUICK, store.url, return_state=True)
    again = retrain(QUICK, store.url, return_state=True)
    strict = QUICK.model_copy(update={"gate": GateConfig(max_ratio_to_pca=0.01)})
    refused = retrain(strict, str(tmp_path / "other"), return_state=True)
    states = (first, again, refused)
    assert [state.name for state in states] == ["Completed"] * 3
    assert [state.result()["ending"] for state in states] == ["Completed", "Unchanged", "Refused"]
    assert first.message.startswith("Promoted: 'digits' has no champion yet. It passed every rule")
    assert again.message == "Unchanged: The champion stays: it was trained on the same data."
    assert refused.message.startswith("Refused: 'digits' has no champion yet.")
    assert "PCA-8" in refused.message
    runs = [client.read_flow_run(state.state_details.flow_run_id) for state in states]
    assert re.fullmatch(r"digits: promoted, MSE -\d+ % vs PCA", runs[0].name)
    assert re.fullmatch(r"digits: unchanged, MSE -\d+ % vs PCA, no drift", runs[1].name)
    assert re.fullmatch(r"digits: refused, MSE [+-]\d+ % vs PCA", runs[2].name)
    assert [set(run.tags) for run in runs] == [
        {"dataset:digits", "outcome:promoted"},
        {"dataset:digits", "outcome:unchanged"},
        {"dataset:digits", "outcome:refused", "look"},
    ]
    run = client.read_flow_run(first.state_details.flow_run_id)
    assert (run.state_name, run.state.message) == (first.name, first.message)
    assert [entry.run for entry in history_of("digits", store)] == [str(run.id)]
    nights = nights_of("digits", store).nights
    assert [(night.outcome, night.run) for night in nights] == [
        ("promoted", str(runs[0].id)),
        ("unchanged", str(runs[1].id)),
    ]
    assert "| beats_pca |" in page_of(client, run.id, "verdict-digits")
    assert "**Gate.** The model" in page_of(client, run.id, "evaluation-digits")
    assert "It points at this feature set now." in page_of(client, run.id, "features-digits")
    trend = page_of(client, run.id, "trend-digits")
    assert "data:image/png;base64," in trend
    assert "| promoted |" in trend
    drifted = client.read_flow_run(again.state_details.flow_run_id)
    assert "data:image/png;base64," in page_of(client, drifted.id, "drift-digits")
    runs = [state.state_details.flow_run_id for state in (first, again, refused)]
    for key in ("evaluation-digits", "metrics-digits"):
        assert [len(pages_of(client, run, key)) for run in runs] == [1, 1, 1]
    (page,) = pages_of(client, run.id, "evaluation-digits")
    assert "select the run `publications/" in page.data


def test_refused_night_shows_the_challenger_and_then_the_champion(
    client: SyncPrefectClient, tmp_path
):
    store = str(tmp_path / "store")
    retrain(QUICK, store)
    strict = GateConfig(max_ratio_to_pca=0.01)
    other = QUICK.model_copy(
        update={
            "gate": strict,
            "train": TrainConfig(epochs=20),
            "retrain": RetrainConfig(train_when="always"),
        }
    )
    refused = retrain(other, store, return_state=True)
    pages = pages_of(client, refused.state_details.flow_run_id, "evaluation-digits")
    of_champion = f"evaluations/{refused.result()['evaluation']['key']}"
    assert [page.metadata_["about"] == of_champion for page in pages] == [False, True]


def page_of(client: SyncPrefectClient, run_id, key: str) -> str:
    return pages_of(client, run_id, key)[-1].data


def pages_of(client: SyncPrefectClient, run_id, key: str) -> list[Artifact]:
    """Returns the pages of a run with a key, the oldest first."""
    ours = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), key=ArtifactFilterKey(any_=[key])
    )
    return sorted(client.read_artifacts(artifact_filter=ours), key=lambda page: page.created)
