"""Pages that a run left on the server, read back by the client."""

import base64
import json
import re

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from aeflow.storage import Store
from flows.pages import metrics_table

from .conftest import Ran


def page(client: SyncPrefectClient, key: str):
    artifacts = client.read_artifacts(
        artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    )
    assert artifacts, key
    return max(artifacts, key=lambda page: page.created)


def test_evaluation_page_has_the_verdict_and_the_table(ran: Ran, client: SyncPrefectClient):
    assert ran.outcome.evaluation
    folder = Store(ran.store).locate(ran.outcome.evaluation)
    text = page(client, "evaluation-digits").data
    assert json.loads((folder / "metrics.json").read_text())["verdict"] in text
    assert "| metric | this model | PCA-32 | mean image |" in text


def test_evaluation_page_has_the_health_card(ran: Ran, client: SyncPrefectClient):
    text = page(client, "evaluation-digits").data
    assert "| health card | value | 95 % interval | PCA-32 | what it means |" in text
    assert re.search(r"\| Linear probe accuracy \| [\d.]+% \| [\d.]+ – [\d.]+% \|", text)


def test_evaluation_page_has_the_panel_of_the_evaluation(ran: Ran, client: SyncPrefectClient):
    assert ran.outcome.evaluation
    folder = Store(ran.store).locate(ran.outcome.evaluation)
    picture = re.search(r"data:image/png;base64,([^)]+)\)", page(client, "evaluation-digits").data)
    assert picture
    panel = (folder / "figures" / "reconstructions.png").read_bytes()
    assert base64.b64decode(picture[1]) == panel


def test_metrics_are_a_table(ran: Ran, client: SyncPrefectClient):
    rows = json.loads(page(client, "metrics-digits").data)
    assert [row["metric"] for row in rows] == [
        *("MSE", "MAE", "PSNR (dB)", "SSIM", "linear probe accuracy"),
        *("10-NN accuracy", "neighbours kept"),
        *("dead dimensions", "effective rank"),
    ]


def test_evaluation_page_says_how_to_open_report_and_tensorboard(
    ran: Ran, client: SyncPrefectClient
):
    assert ran.outcome.publication
    text, key = page(client, "evaluation-digits").data, ran.outcome.publication.key
    assert f"`aeflow show {key} --store {ran.store}`" in text
    assert f"select the run `publications/{key}/tensorboard`" in text


def test_no_page_has_a_link_to_a_file(ran: Ran, client: SyncPrefectClient):
    pages = client.read_artifacts(limit=200)
    assert {"report-digits", "tensorboard-digits", "features-digits"} <= {p.key for p in pages}
    assert [p.key for p in pages if "file:" in json.dumps(p.data)] == []


def test_pages_have_a_description_for_the_list(ran: Ran, client: SyncPrefectClient):
    keys = ("evaluation", "metrics", "report", "features", "tensorboard")
    descriptions = [page(client, f"{key}-digits").description for key in keys]
    assert all(descriptions)
    assert descriptions[3] == "1,797 rows of 32 dimensions, from digits"


def test_feature_set_page_tells_what_there_is_and_how_to_load_it(
    ran: Ran, client: SyncPrefectClient
):
    assert ran.outcome.features
    assert ran.outcome.model
    text, folder = (
        page(client, "features-digits").data,
        Store(ran.store).locate(ran.outcome.features),
    )
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    assert f"| all | 1,797 | 3 | {size:,} |" in text
    assert ran.outcome.model.identity in text
    assert "aliases/digits/features.json` names the newest features of digits" in text
    codes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(codes) == 3
    for code in codes:
        names: dict = {}
        exec(code, names)
        assert len(names["rows"]) == 1797


def test_progress_of_training_has_a_page(ran: Ran, client: SyncPrefectClient):
    assert page(client, "train-progress").type == "progress"


def test_metric_without_a_baseline_has_a_dash(ran: Ran):
    assert ran.outcome.evaluation
    evaluation = ran.outcome.evaluation.model_copy(update={"metrics": {"mse": 0.5}})
    assert metrics_table(evaluation, latent_dim=4) == [
        {"metric": "MSE", "this model": "0.5", "PCA-4": "–", "mean image": "–"}
    ]
