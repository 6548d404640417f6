"""The report server over a real socket: the files that it serves and those that it refuses."""

import re
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from aeflow.artifacts import Publication
from aeflow.lineage import Answered, Input, Question
from aeflow.storage import Draft, Store
from infra.reports import server_of

REPORT = "<!doctype html><p>A <b>good</b> model.</p>"
INPUTS = {
    "dataset": Input(address="datasets/<digits>-0123456789abcdef", digest="a"),
    "model": Input(address="models/fedcba9876543210", digest="b"),
}


@pytest.fixture
def published(store: Store) -> Publication:
    question = Question(
        stage="publish", version=1, folder="publications", configs={}, inputs=INPUTS
    )

    def work(draft: Draft) -> Answered:
        with draft.writing("report.html") as path:
            path.write_text(REPORT)
        with draft.writing("tensorboard/events.out") as path:
            path.write_bytes(b"events")
        return Answered({})

    return store.answer(question, Publication, work)


@pytest.fixture
def port(store: Store) -> Iterator[int]:
    with server_of(store, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def send_request(port: int, path: str, method: str = "GET") -> tuple[HTTPResponse, str]:
    """Requests a path unchanged; other clients remove '..' before they send a request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def test_report_is_shown_and_may_run_its_own_script_alone(published: Publication, port: int):
    answer, text = send_request(port, f"/publications/{published.key}/report.html")
    assert (answer.status, text) == (200, REPORT)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; img-src data:")
    policy = answer.headers["Content-Security-Policy"]
    assert re.findall(r"script-src [^;]*", policy) == re.findall(r"script-src 'sha256-\S+'", policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_other_published_files_are_bytes(published: Publication, port: int):
    answer, text = send_request(port, f"/publications/{published.key}/tensorboard/events.out")
    assert (answer.headers["Content-Type"], text) == ("application/octet-stream", "events")


def test_first_page_lists_reports_and_escapes_names(published: Publication, port: int):
    _, text = send_request(port, "/")
    assert f'href="/publications/{published.key}/report.html"' in text
    assert "&lt;digits&gt;-0123456789abcdef" in text
    assert "<digits>" not in text


def test_first_page_of_an_empty_store_says_so(port: int):
    answer, text = send_request(port, "/")
    assert answer.status == 200
    assert "Nothing is published yet" in text


@pytest.mark.parametrize(
    "path",
    [
        "/publications/",
        "/publications/KEY",
        "/publications/KEY/",
        "/publications/KEY/tensorboard/",
        "/publications/KEY/_manifest.json",
        "/publications/KEY/stray.html",
        "/publications/KEY/link/secret.txt",
        "/publications/KEY/../../secret.txt",
        "/publications/../secret.txt",
        "/publications/%2e%2e/secret.txt",
        "/publications/..%2f..%2fsecret.txt/x",
        "/secret.txt",
        "//etc/passwd",
        "/models/KEY/report.html",
        "/publications/draft.partial/report.html",
    ],
)
def test_nothing_else_is_shown(published: Publication, port: int, store: Store, path: str):
    folder = store.locate(published)
    (store.root / "secret.txt").write_text("hidden")
    (folder / "stray.html").write_text("hidden")
    (folder / "link").symlink_to(store.root)
    draft = folder.with_name("draft.partial")
    draft.mkdir()
    (draft / "report.html").write_text("hidden")
    answer, text = send_request(port, path.replace("KEY", published.key))
    assert answer.status == 404
    assert "hidden" not in text


def test_report_that_became_a_link_is_not_followed(published: Publication, port: int, store: Store):
    (store.root / "secret.txt").write_text("hidden")
    report = store.locate(published) / "report.html"
    report.unlink()
    report.symlink_to(store.root / "secret.txt")
    answer, _ = send_request(port, f"/publications/{published.key}/report.html")
    assert answer.status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_changed(published: Publication, port: int, method: str):
    answer, _ = send_request(port, f"/publications/{published.key}/report.html", method)
    assert answer.status == 501
