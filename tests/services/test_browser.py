"""The Prefect UI, the report and TensorBoard in a browser, used as a person uses them.

All tests share one Chromium, which logs in by the form. Its screenshots stay in `screenshots/`.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.services.running_service import RunningService, until
from tests.source_code import ROOT

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    # Prefect's UI requests a config from its analytics provider; here it reaches no other host.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
DEPLOYMENTS = {
    "pipeline/on-demand",
    "train-autoencoder/cpu",
    "train-autoencoder/gpu",
    "encode-dataset/encode-once",
    "retrain/digits",
}
SECONDS = 30
LATENT_DIM, EPOCHS = 5, 20
SIZES_OF_IMAGES = "images => images.map(image => image.naturalWidth)"


@dataclass
class Screen:
    """Holds a page of a browser that is logged in, and takes screenshots of it."""

    browser: Browser
    page: Page
    url: str
    num_screenshots: int = field(default=0)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}/v2/{path}")
        return self.page

    def picture(self, name: str, page: Page | None = None) -> None:
        self.num_screenshots += 1
        folder = ROOT / "screenshots"
        (page or self.page).screenshot(
            path=folder / f"{self.num_screenshots:02}-{name}.png", full_page=True
        )


@pytest.fixture(scope="module")
def screen(service: RunningService) -> Iterator[Screen]:
    """A browser that has logged in by the form."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed: make services"
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = new_page(browser)
        page.goto(service.url)
        page.get_by_placeholder("admin:pass").fill(service.auth)
        page.get_by_role("button", name="Login").click()
        for part in ("Active Work Pools", "Flow Runs", "Task Runs"):
            expect(page.get_by_text(part, exact=True)).to_be_visible()
        new_screen = Screen(browser, page, service.url)
        new_screen.picture("dashboard")
        yield new_screen
        browser.close()


@pytest.fixture(scope="module")
def form(screen: Screen) -> Page:
    """The form for a run of the pipeline, opened by the deployment's button."""
    page = screen.page.context.new_page()  # its own tab, because other tests open other pages
    page.goto(f"{screen.url}/v2/deployments")
    page.get_by_role("link", name="on-demand", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    expect(labelled(page, "Latent Dim")).to_have_value("32")
    screen.picture("form", page)
    return page


@pytest.fixture(scope="module")
def run(service: RunningService, screen: Screen, form: Page) -> UUID:
    """A run that was started by the form and has ended."""
    deployment = service.client.read_deployment_by_name("pipeline/on-demand").id
    before = {run.id for run in service.runs_of(deployment)}
    labelled(form, "Latent Dim").fill(str(LATENT_DIM))
    labelled(form, "Epochs").fill(str(EPOCHS))
    form.get_by_role("button", name="Submit").click()
    form.wait_for_url("**/deployments/deployment/**tab=Runs")
    (run_id,) = until(lambda: {run.id for run in service.runs_of(deployment)} - before, SECONDS)
    service.wait(run_id, "Completed", "Failed", "Crashed", seconds=240)
    return run_id


def new_page(browser: Browser) -> Page:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(SECONDS * 1000)
    return context.new_page()


def labelled(page: Page, title: str) -> Locator:
    return page.get_by_label(f"{title} (Optional)", exact=True)


def content_of(screen: Screen, key: str) -> Page:
    """Opens the newest page with that key by its link, as a person does."""
    page = screen.open(f"artifacts/key/{key}")
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    expect(page.get_by_text("Show Raw Data")).to_be_visible()
    return page


def open_link(screen: Screen, link: Locator) -> tuple[Page, list[str]]:
    """Opens a link in another tab; returns its page, and a list of the errors on its console."""
    address, errors = link.get_attribute("href"), []
    assert address
    page = new_page(screen.browser)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.goto(address)
    return page, errors


def test_deployments_are_listed(screen: Screen):
    page = screen.open("deployments")
    expect(page.get_by_role("link", name="digits", exact=True)).to_be_visible()
    for deployment in DEPLOYMENTS:
        flow, _, name = deployment.partition("/")
        row = page.get_by_role("row").filter(has_text=flow).filter(has_text=name)
        expect(row.first).to_be_visible()  # the page requests the names of flows one by one
    screen.picture("deployments")


def test_form_describes_each_field_and_its_bounds(form: Page):
    description = form.get_by_text(
        "Number of dimensions of one example's latent. At least 1, at most 65,536."
    )
    expect(description).to_be_visible()
    latent = labelled(form, "Latent Dim")
    assert [latent.get_attribute(name) for name in ("min", "max")] == ["1", "65536"]
    text = form.locator("body").inner_text()
    positions = [
        text.index(f"{name} (Optional)") for name in ("Ingest", "Model", "Train", "Evaluate")
    ]
    assert positions == sorted(positions)
    assert not re.search(r"\w(Config|Options)\b", text)


def test_form_takes_no_number_out_of_bounds(form: Page):
    latent = labelled(form, "Latent Dim")
    latent.fill("0")
    form.get_by_role("button", name="Submit").click()
    assert "/run?" in form.url
    assert "greater than or equal to 1" in latent.evaluate("field => field.validationMessage")


def test_run_that_was_typed_in_completes_with_that_latent_size(service: RunningService, run: UUID):
    assert service.state(run) == "Completed"
    manifests = [json.loads(path.read_text()) for path in service.store.glob("models/*/_*.json")]
    assert LATENT_DIM in [manifest["artifact"]["latent_dim"] for manifest in manifests]


def test_run_page_shows_tasks_and_logs(service: RunningService, screen: Screen, run: UUID):
    page = screen.open(f"runs/flow-run/{run}")
    expect(page.get_by_text("Beginning flow run 'digits dense/plain'")).to_be_visible()
    page.get_by_role("tab", name="Task Runs").click()
    for task in ("ingest digits", "publish digits dense/plain"):
        expect(page.get_by_role("link", name=task)).to_be_visible()
    screen.picture("run")
    page.get_by_role("link", name="encode digits dense/plain").click()
    expect(page.get_by_text("encode: shard 3 of 3, test-00000.arrow, 180 rows")).to_be_visible()
    screen.picture("task")
    (training,) = service.children(run)
    screen.open(f"runs/flow-run/{training.id}")
    expect(page.get_by_text(f"train: epoch 1 of {EPOCHS}, loss")).to_be_visible()
    screen.picture("run-of-training")


def test_progress_says_which_epoch_and_how_many_shards(screen: Screen, run: UUID):
    page = screen.open("artifacts")
    expect(page.get_by_text(f"epoch {EPOCHS} of {EPOCHS}, loss")).to_be_visible()
    expect(page.get_by_text("encode: 1797 of 1797 rows, 3 of 3 shards")).to_be_visible()
    screen.picture("pages")


def test_evaluation_shows_its_picture_and_the_report_opens_by_its_link(screen: Screen, run: UUID):
    page = content_of(screen, "evaluation-digits")
    assert page.get_by_role("img", name="Originals").evaluate("i => i.naturalWidth") > 1000
    for table in ("health card", "metric"):
        heads = page.get_by_role("row").filter(has_text=table).first
        expect(heads).to_contain_text(f"PCA-{LATENT_DIM}")
    screen.picture("evaluation")
    report, errors = open_link(screen, page.get_by_role("link", name="Open the report"))
    expect(report.get_by_role("heading", level=1, name="Reconstructs")).to_be_visible()
    assert min(report.locator("img").evaluate_all(SIZES_OF_IMAGES)) > 0
    screen.picture("report", report)
    report.close()
    assert errors == []


def test_features_page_tells_how_to_load_them(screen: Screen, run: UUID):
    page = content_of(screen, "features-digits")
    expect(page.get_by_text(f"1,797 rows of {LATENT_DIM} dimensions", exact=True)).to_be_visible()
    expect(page.get_by_role("code").get_by_text("pd.read_parquet")).to_be_visible()
    screen.picture("features")


def test_tensorboard_shows_images_and_the_projector(
    service: RunningService, screen: Screen, run: UUID
):
    page = content_of(screen, "evaluation-digits")
    board, _ = open_link(screen, page.get_by_role("link", name="Open TensorBoard"))
    run_filter = board.get_by_role("textbox", name="Filter runs (regex)")
    expect(run_filter).to_have_value(re.compile("^publications/"))
    screen.picture("tensorboard", board)
    address = board.url.partition("#")[0]
    board.goto(f"{address}#images")
    images = board.locator("img[src*='individualImage']")
    expect(images.first).to_be_visible()
    until(lambda: max(images.evaluate_all(SIZES_OF_IMAGES)) > 0, SECONDS)
    screen.picture("tensorboard-images", board)
    board.goto(f"{address}#projector")
    projector = board.frame_locator("iframe").frame_locator("iframe")
    # It opens the first run of the store, and other tests write runs to the store too.
    manifests = [
        json.loads(path.read_text()) for path in service.store.glob("evaluations/*/_*.json")
    ]
    points = "|".join(str(manifest["artifact"]["rows"]) for manifest in manifests)
    expect(projector.get_by_text(re.compile(rf"Points: ({points})\b"))).to_be_visible()
    time.sleep(2)  # a canvas does not report when its points are drawn
    screen.picture("tensorboard-projector", board)
    board.close()


def test_live_link_leads_to_the_training(screen: Screen, run: UUID):
    page = content_of(screen, "tensorboard-digits")
    link = page.get_by_role("link", name="The newest training on digits, live")
    board, _ = open_link(screen, link)
    run_filter = board.get_by_role("textbox", name="Filter runs (regex)")
    expect(run_filter).to_have_value(re.compile("^logs/"))
    expect(board.get_by_text("loss/validation").first).to_be_visible()
    board.close()
