"""The report in a browser, opened as a file: no console output or requests, and a working map."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.services.conftest import RunCommand
from tests.services.test_browser import FLAGS
from tests.source_code import ROOT

SCREENSHOTS = ROOT / "screenshots"
INKED = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value, place) => place % 4 === 3 && value > 0);
}"""


@pytest.fixture(scope="module")
def report(run_aeflow: RunCommand, tmp_path_factory) -> Path:
    store = tmp_path_factory.mktemp("report")
    outcome = run_aeflow("run", "--preset", "quick", "--direct", "--store", store)
    return Path(outcome["publication"]["path"]) / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed: make services"
    with sync_playwright() as playwright:
        new_browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield new_browser
        new_browser.close()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    """The report; any console output or network request fails the test."""
    problems: list[str] = []

    def note_request(web_request: Request) -> None:
        if not web_request.url.startswith(("file:", "data:")):
            problems.append(web_request.url)

    context = browser.new_context(
        viewport={"width": 1200, "height": 900}, color_scheme=request.param
    )
    new_page = context.new_page()
    new_page.on("pageerror", lambda error: problems.append(str(error)))
    new_page.on("console", lambda message: problems.append(message.text))
    new_page.on("request", note_request)
    new_page.goto(report.as_uri())
    yield new_page
    SCREENSHOTS.mkdir(exist_ok=True)
    new_page.screenshot(path=SCREENSHOTS / f"report-{request.param}.png", full_page=True)
    context.close()
    assert problems == []


def hover_over_a_point(page: Page) -> None:
    """Moves the pointer over the map until a point is under it."""
    canvas = page.locator("#map")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    for step in range(400):
        across, down = step % 20 / 20, step // 20 / 20
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        if page.locator("#map-tip").is_visible():
            return
    raise AssertionError("no point of the map reacts to the pointer")


def test_point_under_the_pointer_shows_its_picture_label_and_error(page: Page):
    assert page.locator("#map").evaluate(INKED)
    hover_over_a_point(page)
    expect(page.locator("#map-words")).to_contain_text("digits/")
    expect(page.locator("#map-words")).to_contain_text("error 0.")
    assert page.locator("#map-thumbnail").evaluate(INKED)
    page.mouse.move(2, 2)
    expect(page.locator("#map-tip")).to_be_hidden()


def test_label_that_is_chosen_is_shown_alone(page: Page):
    before = page.locator("#map").evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("button", name="7", exact=True).click()
    expect(page.get_by_role("button", name="7", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    assert page.locator("#map").evaluate("canvas => canvas.toDataURL()") != before
    hover_over_a_point(page)
    assert page.locator("#map-words b").inner_text() == "7"


def test_all_pictures_are_there_and_the_page_is_no_wider_than_the_screen(page: Page):
    sizes = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(sizes) == 5
    assert min(sizes) > 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
