"""Pages that a run left on the server, read back by the client."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from aeflow.storage import Store
from flows.pages import metrics_table

from .conftest import Ran


def page(client: SyncPrefectClient, key: str):
    found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert found, key
    return found[-1]


def test_evaluation_page_has_the_verdict_and_the_table(ran: Ran, client: SyncPrefectClient):
    assert ran.outcome.evaluation
    folder = Store(ran.store).locate(ran.outcome.evaluation)
    text = page(client, "evaluation-digits").data
    assert json.loads((folder / "metrics.json").read_text())["verdict"] in text
    assert "| metric | this model | PCA-32 | mean image |" in text


def test_evaluation_page_has_the_panel_of_the_evaluation(ran: Ran, client: SyncPrefectClient):
    assert ran.outcome.evaluation
    folder = Store(ran.store).locate(ran.outcome.evaluation)
    picture = re.search(r"data:image/png;base64,([^)]+)\)", page(client, "evaluation-digits").data)
    assert picture
    panel = (folder / "figures" / "reconstructions.png").read_bytes()
    assert base64.b64decode(picture[1]) == panel


def test_metrics_are_a_table(ran: Ran, client: SyncPrefectClient):
    rows = json.loads(page(client, "metrics-digits").data)
    assert [row["metric"] for row in rows] == ["MSE", "MAE", "PSNR (dB)", "SSIM"]


@pytest.mark.parametrize("key", ["report-digits", "features-digits"])
def test_link_leads_to_what_is_there(ran: Ran, client: SyncPrefectClient, key: str):
    address = re.search(r"\((file://[^)]+)\)", page(client, key).data)
    assert address
    assert Path(url2pathname(urlsplit(address[1]).path)).exists()


def test_progress_of_training_has_a_page(ran: Ran, client: SyncPrefectClient):
    assert page(client, "train-progress").type == "progress"


def test_metric_without_a_baseline_has_a_dash(ran: Ran):
    assert ran.outcome.evaluation
    evaluation = ran.outcome.evaluation.model_copy(update={"metrics": {"mse": 0.5}})
    assert metrics_table(evaluation, latent_dim=4) == [
        {"metric": "MSE", "this model": "0.5", "PCA-4": "–", "mean image": "–"}
    ]
